// The overload guard on real sockets: which step shows how, that it is taken back, and what stays untouched.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayConfig, OverloadConfig } from '../../src/index.ts';
import { adminText, type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { listenerName } from '../support/listeners.ts';
import { RawClient, rawRequest, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const get = requestText('GET', '/');

/** A maximum of memory that this process uses so many times over. */
const usedTimes = (times: number): OverloadConfig => ({
  maxMemory: Math.round(process.memoryUsage.rss() / times),
  shedAt: 0.1,
});

const step = (gateway: ListeningGateway, resource: string): Promise<number | undefined> =>
  metric(gateway.gateway, 'ferrogate_overload_step', { resource });
const actions = (gateway: ListeningGateway, action: string): Promise<number | undefined> =>
  metric(gateway.gateway, 'ferrogate_overload_actions_total', { action });

const helloAt = (overload: OverloadConfig | false, config: GatewayConfig = {}): Promise<ListeningGateway> =>
  startGateway({ ...config, overload }, (gateway) => void gateway.get('/', () => 'hello'));

describe('exchanges in flight', () => {
  it('at their maximum: 503, Retry-After, closed, counted; and served again when one ends', async () => {
    const held: ((answer: string) => void)[] = [];
    const overload = { maxInFlight: 2, maxMemory: null, retryAfter: '9s' };
    const started = await startGateway({ overload, errors: { format: 'envelope' } }, (gateway) => {
      gateway.get('/hold', () => new Promise<string>((resolve) => held.push(resolve)));
      gateway.get('/', () => 'hello');
    });
    const { gateway, port, url } = started;
    const holding = ['1', '2'].map((at) => fetch(`${url}/hold?${at}`));
    await until('both to be held', () => held.length === 2);
    const client = await RawClient.connect(port);
    const refused = await client.send(get).answer();
    expect([refused.status, refused.header('retry-after'), refused.header('connection')]).toEqual([
      503,
      '9',
      'close',
    ]);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'overloaded', data: null });
    await client.ended();
    await started.record(({ verdict, status }) => verdict === 'overloaded' && status === 503);
    expect(await metric(gateway, 'ferrogate_verdicts_total', { verdict: 'overloaded' })).toBe(1);
    expect(await step(started, 'in_flight')).toBe(2);
    for (const answer of held) answer('late');
    expect(await Promise.all(holding.map(async (response) => (await response).text()))).toEqual([
      'late',
      'late',
    ]);
    expect((await rawRequest(port, get)).status).toBe(200);
    expect(await actions(started, 'refuse')).toBe(1);
    await until('the step to be taken back', async () => (await step(started, 'in_flight')) === 0);
  });
});

describe('memory', () => {
  it('near its maximum: answers of handlers and upstreams end their connections', async () => {
    const up = await startUpstream((_, response) => response.end('from there'));
    const started = await helloAt(usedTimes(0.5), {
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/up' }, upstream: 'back' }],
    });
    await until('the first step', async () => (await step(started, 'memory')) === 1);
    for (const path of ['/', '/up', '/none']) {
      const client = await RawClient.connect(started.port);
      const answer = await client.send(requestText('GET', path)).answer();
      expect([path, answer.status, answer.header('connection')]).toEqual([
        path,
        path === '/none' ? 404 : 200,
        'close',
      ]);
      // uWebSockets.js leaves it to the client to end the connection of a forwarded answer.
      if (listenerName !== 'uws' || path !== '/up') await client.ended();
    }
    expect(await actions(started, 'close')).toBe(3);
    expect(started.gateway.ready().ready).toBe(true);
  });

  it('at its maximum: everything is refused, the gateway is not ready, its admin listener serves', async () => {
    const started = await helloAt({ ...usedTimes(3), stopAt: 10 });
    await until('the second step', async () => (await step(started, 'memory')) === 2);
    for (const path of ['/', '/none']) {
      const refusedBefore = (await actions(started, 'refuse')) ?? 0;
      const answer = await rawRequest(started.port, requestText('GET', path));
      expect([path, answer.status]).toEqual([path, 503]);
      expect(await actions(started, 'refuse')).toBe(refusedBefore + 1);
    }
    expect(started.gateway.ready()).toEqual({
      ready: false,
      reasons: ['new requests are refused because of overload'],
    });
    expect(await adminText(started.gateway, '/readyz')).toContain('overload');
    await started.gateway.reload({ overload: false });
    expect((await rawRequest(started.port, get)).status).toBe(200);
    await until('it to be ready', () => started.gateway.ready().ready);
  });

  it('over its maximum: connections wait, and are served when there is room', async () => {
    const started = await helloAt({ ...usedTimes(3), stopAt: 1 });
    await until('accepting to stop', async () => {
      // The engine looks when a connection comes, uWebSockets.js leaves the socket alone at once.
      const client = await RawClient.connect(started.port);
      client.socket.destroy();
      return (await actions(started, 'stop_accepting')) === 1;
    });
    const client = await RawClient.connect(started.port);
    let answered = false;
    const answer = client
      .send(get)
      .answer()
      .then((all) => {
        answered = true;
        return all.status;
      });
    const before = await metric(started.gateway, 'ferrogate_connections_total');
    expect(await metric(started.gateway, 'ferrogate_connections_total')).toBe(before);
    expect(answered).toBe(false);
    await started.gateway.reload({ overload: false });
    expect(await answer).toBe(200);
  });
});

describe('the event loop', () => {
  it('that is late: what needs it is refused, the rest is served, and all is served afterwards', async () => {
    const up = await startUpstream((_, response) => response.end('from there'));
    const started = await helloAt(
      { maxEventLoopDelay: '20ms', maxMemory: null, stopAt: 10 },
      { upstreams: { back: { targets: [up.url] } }, routes: [{ match: { path: '/up' }, upstream: 'back' }] },
    );
    const busy = setInterval(() => {
      for (const end = performance.now() + 120; performance.now() < end; );
    }, 1);
    onTestFinished(() => clearInterval(busy));
    const status = async (path: string): Promise<number> =>
      (await rawRequest(started.port, requestText('GET', path))).status;
    await until('handlers to be refused', async () => (await status('/')) === 503);
    expect(await status('/up')).toBe(listenerName === 'native' ? 200 : 503);
    // Threads of their own are as ready as ever.
    expect(started.gateway.ready().ready).toBe(listenerName === 'native');
    clearInterval(busy);
    await until('handlers to be served', async () => (await status('/')) === 200);
  });
});
