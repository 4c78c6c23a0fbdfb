// inject: the same guard, policies, handlers and forwarding without a socket.
import { describe, expect, it } from 'vitest';
import { makeGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { gate } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

describe('inject', () => {
  it('forwards before listen, with headers and body, and gives a web Response', async () => {
    const up = await startUpstream();
    const { gateway } = makeGateway({
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
    });
    const headers = { 'x-a': '1', 'x-b': ['2', '3'] };
    const response = await gateway.inject({
      method: 'PUT',
      url: '/a/./b?c',
      headers,
      body: 'hello',
      ip: '9.8.7.6',
    });
    expect(response).toBeInstanceOf(Response);
    expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(await response.json()).toMatchObject({
      method: 'PUT',
      url: '/a/b?c',
      body: 'hello',
      headers: { 'x-a': '1', 'x-b': '2, 3', 'x-forwarded-for': '9.8.7.6', 'content-length': '5' },
    });
  });

  it('takes an absolute URL: its authority is Host, its scheme the protocol', async () => {
    const up = await startUpstream();
    const { gateway } = makeGateway({ upstreams: { back: { targets: [up.url] } } });
    gateway.get('/', { host: 'shop.test', upstream: 'back' });
    const response = await gateway.inject('https://SHOP.test:8443/');
    expect(await response.json()).toMatchObject({
      headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'SHOP.test:8443' },
    });
    expect((await gateway.inject('https://other.test/')).status).toBe(404);
  });

  it.each([
    ['two hosts', { url: '/', headers: { host: ['a', 'b'] } }, 400],
    ['a bad path', { url: '/%zz' }, 400],
    ['a bad header name', { url: '/', headers: { 'a b': 'x' } }, 400],
    [
      'a forged length',
      { url: '/', method: 'POST', headers: { 'content-length': '3, 3' }, body: 'abc' },
      400,
    ],
    ['chunks where they are refused', { url: '/', method: 'POST', body: new Blob(['abc']).stream() }, 411],
    ['a body over the limit', { url: '/', method: 'POST', body: 'x'.repeat(2_000) }, 413],
    [
      'too many headers',
      { url: '/', headers: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`x-${at}`, 'y'])) },
      431,
    ],
  ])('guards: %s', async (_, request, status) => {
    const { gateway } = makeGateway({ listen: { maxBodyBytes: '1kb' } });
    gateway.all('/', ({ body }) => body.text());
    expect((await gateway.inject(request as never)).status).toBe(status);
  });

  it('aborts by its signal, as a client that goes away', async () => {
    const seen = gate<AbortSignal>();
    const { gateway, record } = makeGateway();
    gateway.get('/', ({ signal }) => {
      seen.open(signal);
      return new Promise(() => {});
    });
    const leaving = new AbortController();
    const answer = gateway.inject({ url: '/', signal: leaving.signal });
    const signal = await seen.opened;
    leaving.abort(new Error('left'));
    await expect(answer).rejects.toThrow('left');
    expect(signal.aborted).toBe(true);
    expect(await record(() => true)).toMatchObject({ status: 499 });
  });

  it('breaks the body of an answer that breaks', async () => {
    const arrived = gate();
    const up = await startUpstream(async (_, response) => {
      response.write('part');
      await arrived.opened;
      response.destroy();
    });
    const { gateway } = makeGateway({
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/' }, upstream: 'back' }],
    });
    const response = await gateway.inject('/');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('part');
    arrived.open();
    await expect(reader.read()).rejects.toMatchObject({ code: 'ERR_FG_RESPONSE_BROKEN' });
  });

  it('explains what would be done, and takes no tokens', async () => {
    const { gateway } = makeGateway({ limits: { one: { rate: 1, per: '1h' } } });
    gateway.get('/a/:id', { id: 'a', limits: ['one'] }, () => 'x');
    for (let round = 0; round < 3; round += 1) {
      const explained = gateway.explain('GET', '/a/1');
      expect(explained).toMatchObject({ verdict: 'handler', route: 'a', status: null });
      expect(explained.steps.length).toBeGreaterThan(2);
    }
    expect(gateway.explain('GET', '/none')).toMatchObject({ verdict: 'refused', status: 404, route: null });
    expect((await gateway.inject('/a/1')).status).toBe(200);
  });

  it('explains a token when the keys are at hand', () => {
    const key = signingKey('k1');
    const issuer = 'https://id.example';
    const { gateway } = makeGateway({
      issuers: { main: { issuer, audience: false, jwks: { keys: [key.jwk] } } },
    });
    gateway.get('/mine', { jwt: 'main' }, () => 'x');
    const explain = (token: string) => gateway.explain('GET', '/mine', { authorization: `Bearer ${token}` });
    expect(explain(signToken(key, goodClaims(issuer)))).toMatchObject({ verdict: 'handler' });
    expect(explain(signToken(signingKey('k2'), goodClaims(issuer)))).toMatchObject({ status: 401 });
  });
});
