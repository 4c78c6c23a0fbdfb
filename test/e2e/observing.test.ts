// What operators see: the admin pages, metrics, access records, and the two forms of an error.
import { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { adminText, heard, makeGateway, metric, startGateway } from '../support/gateway.ts';
import { RawClient, rawRequest, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

describe('the admin listener', () => {
  it('tells alive, ready, the routes, and the configuration without its secrets', async () => {
    const config = {
      upstreams: { back: { targets: ['http://127.0.0.1:9'] } },
      routes: [
        {
          id: 'it',
          match: { path: '/a' },
          upstream: 'back',
          headers: { set: { authorization: 'Basic c2VjcmV0' } },
        },
      ],
    };
    const { gateway, listening } = await startGateway(config, (made) =>
      made.get('/b', { id: 'js' }, () => 'x'),
    );
    const status = async (path: string): Promise<number> =>
      (await fetch(`${listening.adminUrl}${path}`)).status;
    expect([await status('/livez'), await status('/readyz'), await status('/none')]).toEqual([200, 200, 404]);
    const routes = JSON.parse(await adminText(gateway, '/routes')) as { id: string }[];
    expect(routes.map(({ id }) => id)).toEqual(['it', 'js']);
    const shown = await adminText(gateway, '/config');
    expect(shown).not.toContain('c2VjcmV0');
    expect(JSON.parse(shown)).toMatchObject({ routes: [{ id: 'it', upstream: 'back' }] });
    expect((await fetch(`${listening.adminUrl}/livez`, { method: 'POST' })).status).toBe(405);
  });

  it('is not ready once the gateway closes', async () => {
    const { gateway, port, listening } = await startGateway({}, (made) =>
      made.get('/', () => new Promise(() => {})),
    );
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/'));
    await until(
      'the request',
      async () => (await metric(gateway, 'ferrogate_http_requests_in_flight')) === 1,
    );
    const closing = gateway.close({ timeoutMs: 2000 });
    const ready = await fetch(`${listening.adminUrl}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('closing')]);
    client.reset();
    await closing;
  });
});

describe('metrics', () => {
  it('count by route id, method and status; unmatched paths are one series', async () => {
    const up = await startUpstream();
    const config = { service: 'shop', upstreams: { back: { targets: [up.url] } } };
    const { gateway, url } = await startGateway(config, (made) => {
      made.get('/a/:id', { id: 'a' }, () => 'x').get('/up', { id: 'up', upstream: 'back' });
    });
    for (const path of ['/a/1', '/a/2', '/up', '/none/1', '/none/2'])
      await (await fetch(`${url}${path}`)).text();
    const total = (labels: Record<string, string>) =>
      metric(gateway, 'ferrogate_http_requests_total', labels);
    expect(await total({ service: 'shop', endpoint: 'a', method: 'GET', status_code: '200' })).toBe(2);
    expect(await total({ endpoint: 'up', status_code: '200' })).toBe(1);
    expect(await total({ endpoint: 'unmatched', status_code: '404' })).toBe(2);
    expect(await total({})).toBe(5);
    expect(await metric(gateway, 'ferrogate_http_request_duration_seconds_count', { endpoint: 'a' })).toBe(2);
    expect(await metric(gateway, 'ferrogate_upstream_connections', { upstream: 'back' })).toBe(1);
    const text = await adminText(gateway, '/metrics');
    expect(text).not.toContain('/none');
    expect(text).not.toContain('/a/1');
  });

  it('count refusals of the guard, too', async () => {
    const { gateway, port } = await startGateway();
    const answer = await rawRequest(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    expect(answer.status).toBe(400);
    expect(
      await metric(gateway, 'ferrogate_http_requests_total', { endpoint: 'unmatched', status_code: '400' }),
    ).toBe(1);
  });

  it('go into a registry that is given, under a prefix, and leave it on close', async () => {
    const registry = new Registry();
    const { gateway } = makeGateway({}, { registry, metricsPrefix: 'edge_' });
    gateway.get('/', () => 'x');
    await gateway.inject('/');
    expect(await registry.metrics()).toMatch(/^edge_http_requests_total\{.*status_code="200"\} 1$/m);
    await gateway.close();
    expect(await registry.metrics()).not.toContain('edge_');
  });
});

describe('access records', () => {
  it('say what happened, without query and headers', async () => {
    const up = await startUpstream();
    const config = {
      upstreams: { back: { targets: [up.url] } },
      routes: [{ id: 'it', match: { path: '/*rest' }, upstream: 'back' }],
    };
    const { url, record } = await startGateway(config);
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const headers = { authorization: 'Bearer secret', traceparent: `00-${trace}-b7ad6b7169203331-01` };
    const response = await fetch(`${url}/a/../b?key=secret`, { method: 'POST', body: 'hello', headers });
    const bytes = (await response.text()).length;
    const seen = await record((one) => one.route === 'it');
    expect(seen).toMatchObject({
      method: 'POST',
      path: '/b',
      status: 200,
      bytes,
      requestBytes: 5,
      retries: 0,
    });
    expect(seen).toMatchObject({
      verdict: 'forwarded',
      traceId: trace,
      client: '127.0.0.1',
      upstream: `127.0.0.1:${up.port}`,
    });
    expect(Math.abs(seen.time - Date.now())).toBeLessThan(60_000);
    expect(seen.durationMs).toBeGreaterThanOrEqual(seen.upstreamMs ?? 0);
    expect(JSON.stringify(seen)).not.toContain('secret');
  });

  it('hold listed headers and the query where asked for', async () => {
    const records = { headers: ['user-agent'], query: true };
    const { gateway, record } = makeGateway({ records });
    gateway.get('/', () => 'x');
    await gateway.inject({ url: '/?a=1', headers: { 'user-agent': 'test "agent"', 'x-other': 'no' } });
    expect(await record(() => true)).toMatchObject({ query: 'a=1', 'header.user-agent': 'test "agent"' });
  });

  it('are sampled, errors always', async () => {
    const made = makeGateway({ records: { sample: 0 } });
    made.gateway.get('/', () => 'x');
    for (let round = 0; round < 20; round += 1) await made.gateway.inject('/');
    await made.gateway.inject('/none');
    expect(await made.record((one) => one.status === 404)).toMatchObject({
      verdict: 'route_not_found',
      route: '',
    });
    expect(made.records).toHaveLength(1);
  });

  it('beyond what is kept are dropped, counted, and told once', async () => {
    const made = makeGateway();
    await Promise.all(Array.from({ length: 17_000 }, () => made.gateway.inject('/none')));
    const line = await until('the count', () =>
      made.lines.find(({ message }) => message.includes('dropped')),
    );
    expect(line.fields['dropped']).toBe(17_000 - 16_384);
    expect(made.records).toHaveLength(16_384);
  });

  it('are off when off, and lines in a stream when given one', async () => {
    const log = heard();
    const off = makeGateway({ records: false }, { records: log });
    off.gateway.get('/', () => 'x');
    await off.gateway.inject('/');
    await off.gateway.close();
    expect(log.lines).toEqual([]);
    let written = '';
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        written += chunk.toString();
        done();
      },
    });
    const on = makeGateway({}, { records: stream });
    await on.gateway.inject('/x');
    await on.gateway.close();
    expect(JSON.parse(written)).toMatchObject({ path: '/x', status: 404 });
    expect(written.endsWith('}\n')).toBe(true);
  });
});

describe('errors that the gateway answers', () => {
  it('are problems by default', async () => {
    const { port } = await startGateway();
    const answer = await rawRequest(port, requestText('GET', '/a/./b?x'));
    expect(answer.header('content-type')).toBe('application/problem+json');
    expect(JSON.parse(answer.body.toString())).toEqual({
      type: 'urn:ferrogate:problem:route_not_found',
      title: 'Not Found',
      status: 404,
      detail: expect.any(String),
      instance: '/a/b',
      code: 'route_not_found',
      traceId: answer.header('x-trace-id'),
    });
  });

  it('are envelopes where asked for, those of handlers too', async () => {
    const { port } = await startGateway({ errors: { format: 'envelope' } }, (gateway) => {
      gateway.get('/throw', () => {
        throw new Error('no');
      });
      gateway.post('/json', ({ body }) => body.json());
    });
    const requests: [string, number, string][] = [
      [requestText('GET', '/none'), 404, 'route_not_found'],
      [requestText('GET', '/throw'), 500, 'internal_error'],
      [requestText('POST', '/json', ['Content-Length: 1'], '{'), 400, 'ERR_FG_BAD_JSON'],
    ];
    for (const [request, status, code] of requests) {
      const answer = await rawRequest(port, request);
      expect([answer.status, answer.header('content-type')]).toEqual([status, 'application/json']);
      expect(JSON.parse(answer.body.toString())).toEqual({
        code,
        message: expect.any(String),
        data: null,
        traceId: answer.header('x-trace-id'),
      });
    }
  });

  it('of HEAD have no body', async () => {
    const { port } = await startGateway();
    const answer = await rawRequest(port, requestText('HEAD', '/none'), { head: true });
    expect(answer.status).toBe(404);
  });
});
