// What an upstream is sent and what the client gets back: fields, rewriting, identity, tracing, framing.
import { describe, expect, it } from 'vitest';
import type { GatewayConfig, RouteConfig } from '../../src/index.ts';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { startIssuer } from '../support/issuer.ts';
import { type RawAnswer, rawRequest, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { type Seen, startSocketUpstream, startUpstream, type Upstream } from '../support/upstream.ts';

interface Pair {
  readonly upstream: Upstream;
  readonly gateway: ListeningGateway;
  /** Sends a request and gives what the upstream saw of it. */
  seen(method: string, target: string, lines?: readonly string[], body?: string): Promise<Seen>;
  send(method: string, target: string, lines?: readonly string[], body?: string): Promise<RawAnswer>;
}

async function pair(route: Partial<RouteConfig> = {}, config: GatewayConfig = {}): Promise<Pair> {
  const upstream = await startUpstream();
  const gateway = await startGateway({
    upstreams: { back: { targets: [upstream.url] } },
    ...config,
    routes: [{ id: 'it', match: { path: '/*rest' }, upstream: 'back', ...route }],
  });
  const send: Pair['send'] = (method, target, lines = [], body = '') =>
    rawRequest(gateway.port, requestText(method, target, lines, body), { head: method === 'HEAD' });
  return {
    upstream,
    gateway,
    send,
    async seen(method, target, lines, body) {
      await send(method, target, lines, body);
      return upstream.seen.at(-1) as Seen;
    },
  };
}

describe('the request that goes upstream', () => {
  it('has the canonical path, and the query as it came', async () => {
    const { seen } = await pair();
    expect((await seen('GET', '/a/../%62/%7e%2a?x=%7e&y=a/../b')).url).toBe('/b/~%2A?x=%7e&y=a/../b');
    expect((await seen('GET', '/?')).url).toMatch(/^\/\??$/);
  });

  it('has the path rewritten: prefixes stripped at a segment, then added', async () => {
    const { seen } = await pair({ rewrite: { stripPrefix: '/api', addPrefix: '/v2' } });
    expect((await seen('GET', '/api/orders?x')).url).toBe('/v2/orders?x');
    expect((await seen('GET', '/api')).url).toBe('/v2/');
    expect((await seen('GET', '/apis')).url).toBe('/v2/apis');
  });

  it('has the Host of the target, or of the client where the route preserves it', async () => {
    const one = await pair();
    expect((await one.seen('GET', '/')).header('host')).toBe(`127.0.0.1:${one.upstream.port}`);
    const two = await pair({ preserveHost: true });
    expect((await two.seen('GET', '/', ['Host: Shop.test:81'])).header('host')).toBe('Shop.test:81');
  });

  it('has no hop-by-hop field, those named by Connection included', async () => {
    const { seen } = await pair();
    const lines = [
      'Connection: keep-alive, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: X-T',
    ];
    const more = [
      'Proxy-Authorization: Basic eA==',
      'Proxy-Connection: close',
      'Upgrade: h2c',
      'X-Kept: yes',
    ];
    const request = await seen('GET', '/', [...lines, ...more]);
    for (const name of [
      'x-hop',
      'keep-alive',
      'te',
      'trailer',
      'proxy-authorization',
      'proxy-connection',
      'upgrade',
    ])
      expect([name, request.header(name)]).toEqual([name, undefined]);
    expect(request.header('x-kept')).toBe('yes');
  });

  it('tells who asks: forwarding fields of the client are replaced', async () => {
    const { seen, gateway } = await pair();
    const forged = [
      'X-Forwarded-For: 6.6.6.6',
      'X_Forwarded_For: 6.6.6.6',
      'X-Forwarded-Proto: https',
      'Forwarded: for=6.6.6.6',
    ];
    const request = await seen('GET', '/', [...forged, 'X-Forwarded-Host: evil.test', 'Host: shop.test']);
    expect(request.header('x-forwarded-for')).toBe('127.0.0.1');
    expect(request.header('x-forwarded-proto')).toBe('http');
    expect(request.header('x-forwarded-host')).toBe('shop.test');
    expect(request.header('forwarded')).toBeUndefined();
    expect(request.header('x_forwarded_for')).toBeUndefined();
    expect((await gateway.record(() => true)).client).toBe('127.0.0.1');
  });

  it('extends those of a trusted proxy, and takes the client from them', async () => {
    const { seen, gateway } = await pair({}, { listen: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] } });
    const lines = [
      'X-Forwarded-For: 1.1.1.1, 9.9.9.9, 10.1.1.1',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: shop.test',
    ];
    const request = await seen('GET', '/', lines);
    expect(request.header('x-forwarded-for')).toBe('1.1.1.1, 9.9.9.9, 10.1.1.1, 127.0.0.1');
    expect(request.header('x-forwarded-proto')).toBe('https');
    expect(request.header('x-forwarded-host')).toBe('shop.test');
    expect((await gateway.record(() => true)).client).toBe('9.9.9.9');
  });

  it('passes on Via with ours added, or leaves ours out', async () => {
    const one = await pair();
    expect((await one.seen('GET', '/', ['Via: 1.0 front'])).header('via')).toBe('1.0 front, 1.1 ferrogate');
    const two = await pair({}, { via: 'edge-7' });
    expect((await two.seen('GET', '/')).header('via')).toBe('1.1 edge-7');
    const three = await pair({}, { via: false });
    expect((await three.seen('GET', '/')).header('via')).toBeUndefined();
  });

  it('keeps a good traceparent with its tracestate, and replaces a bad one', async () => {
    const { seen } = await pair();
    const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const kept = await seen('GET', '/', [`traceparent: ${good}`, 'tracestate: a=b']);
    expect([kept.header('traceparent'), kept.header('tracestate')]).toEqual([good, 'a=b']);
    for (const bad of ['nonsense', good.replace('00-', 'ff-'), good.toUpperCase(), `${good}-x`]) {
      const made = await seen('GET', '/', [`traceparent: ${bad}`, 'tracestate: a=b']);
      expect(made.header('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
      expect(made.header('traceparent')).not.toBe(bad);
      expect(made.header('tracestate')).toBeUndefined();
    }
  });

  it('has headers set and removed as the route says', async () => {
    const { seen } = await pair({
      headers: { set: { 'X-Set': 'ours', Authorization: 'Basic b3Vycw==' }, remove: ['x-drop'] },
    });
    const request = await seen('GET', '/', [
      'X-Set: theirs',
      'X-Drop: 1',
      'Authorization: Bearer theirs',
      'X-Kept: 1',
    ]);
    expect(request.header('x-set')).toBe('ours');
    expect(request.header('authorization')).toBe('Basic b3Vycw==');
    expect(request.header('x-drop')).toBeUndefined();
    expect(request.header('x-kept')).toBe('1');
  });

  it('never has identity headers of the client, whatever their spelling', async () => {
    const issuer = await startIssuer();
    const route = { jwt: 'main', claimHeaders: { 'x-user': 'sub', 'X-Roles': 'roles', 'x-none': 'none' } };
    const { seen, gateway } = await pair(route, {
      issuers: { main: { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl } },
    });
    await until('keys', () => gateway.gateway.ready().ready);
    const forged = [
      'x-user: root',
      'X-USER: root',
      'x_user: root',
      'X_User: root',
      'x-none: root',
      'x_roles: root',
    ];
    const token = issuer.token({ sub: 'ada', roles: ['a', 'b'] });
    const request = await seen('GET', '/', [...forged, `Authorization: Bearer ${token}`]);
    expect(request.fields.filter(([name]) => /^x[-_](user|none|roles)$/.test(name))).toEqual([
      ['x-user', 'ada'],
      ['x-roles', '["a","b"]'],
    ]);
    const injected = await seen('GET', '/', [
      `Authorization: Bearer ${issuer.token({ sub: 'ada\r\nx-user: root' })}`,
    ]);
    expect(injected.header('x-user')).toBeUndefined();
  });

  it('is framed anew: by its length, or in chunks', async () => {
    const { seen, upstream } = await pair({}, { listen: { chunkedRequests: 'accept' } });
    const sized = await seen('POST', '/', ['Content-Length: 3'], 'abc');
    expect([sized.header('content-length'), sized.header('transfer-encoding')]).toEqual(['3', undefined]);
    const chunked = await seen('POST', '/', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n');
    expect([chunked.header('content-length'), chunked.header('transfer-encoding')]).toEqual([
      undefined,
      'chunked',
    ]);
    const none = await seen('GET', '/');
    expect([none.header('content-length'), none.header('transfer-encoding')]).toEqual([undefined, undefined]);
    expect(upstream.seen).toHaveLength(3);
  });

  it('in chunks is 411 where chunkedRequests is "refuse", and reaches nothing', async () => {
    const { send, upstream } = await pair({}, { listen: { chunkedRequests: 'refuse' } });
    const answer = await send('POST', '/', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n');
    expect([answer.status, answer.header('connection')]).toEqual([411, 'close']);
    expect(upstream.seen).toEqual([]);
  });

  it('over maxBodyBytes is 413, and reaches nothing', async () => {
    const { send, upstream } = await pair({ maxBodyBytes: 4 });
    expect((await send('POST', '/', ['Content-Length: 5'], '12345')).status).toBe(413);
    expect(upstream.seen).toEqual([]);
    expect((await send('POST', '/', ['Content-Length: 4'], '1234')).status).toBe(200);
  });
});

describe('the answer that comes back', () => {
  const answering = async (head: string, body = ''): Promise<RawAnswer> => {
    const upstream = await startSocketUpstream((socket) => {
      socket.once('data', () => socket.write(Buffer.from(`${head}\r\n\r\n${body}`, 'latin1')));
    });
    const { port } = await startGateway({
      upstreams: { back: { targets: [upstream.url] } },
      routes: [{ match: { path: '/' }, upstream: 'back' }],
    });
    return rawRequest(port, requestText('GET', '/'));
  };

  it('loses hop-by-hop fields and keeps the rest, repeated ones too', async () => {
    const fields =
      'Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c';
    const more =
      'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Kept: caf\xe9\r\nServer: back\r\nETag: "x"\r\nContent-Length: 2';
    const answer = await answering(`HTTP/1.1 200 Fine\r\n${fields}\r\n${more}`, 'ok');
    for (const name of ['connection', 'x-hop', 'keep-alive', 'upgrade'])
      expect([name, answer.header(name)]).toEqual([name, undefined]);
    expect(answer.fields.filter(([name]) => name === 'set-cookie')).toHaveLength(2);
    expect(answer.header('x-kept')).toBe('caf\xe9');
    expect(answer.header('server')).toBe('back');
    expect(answer.header('via')).toBe('1.1 ferrogate');
    expect(answer.body.toString()).toBe('ok');
  });

  it('has our own X-Trace-ID, and one Date', async () => {
    const answer = await answering(
      'HTTP/1.1 200 OK\r\nX-Trace-ID: forged\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0',
    );
    expect(answer.header('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.fields.filter(([name]) => name === 'date')).toHaveLength(1);
  });

  it.each([
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', '2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n'],
    ['after 1xx', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2', 'ok'],
    ['after 100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2', 'ok'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2', 'ok'],
  ])('%s comes through', async (_, head, body) => {
    const answer = await answering(head, body);
    expect([answer.status, answer.body.toString(), answer.complete]).toEqual([200, 'ok', true]);
  });

  it.each([
    ['an unknown status', 'HTTP/1.1 299 Odd\r\nContent-Length: 2', 299, 'ok'],
    ['204', 'HTTP/1.1 204 No Content', 204, ''],
    ['205', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0', 205, ''],
    ['304', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99', 304, ''],
  ])('%s', async (_, head, status, body) => {
    const answer = await answering(head, body);
    expect([answer.status, answer.body.toString(), answer.complete]).toEqual([status, body, true]);
  });
});
