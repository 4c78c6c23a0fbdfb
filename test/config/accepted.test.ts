// What options become in the plan.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Plan, type PlanRoute, parseConfig, parseRoute, toPlan } from '../../src/config/index.ts';
import { config, issuer, limit, route, upstream } from './support.ts';

const planOf = (changes: Record<string, unknown>): Plan => toPlan(parseConfig(config(changes)));
const routeOf = (changes: Record<string, unknown>): PlanRoute =>
  parseRoute(route(changes), { known: parseConfig(config()).known });

describe('sections', () => {
  it.each([
    [{ via: false }, { via: null }],
    [{ via: 'edge-1' }, { via: 'edge-1' }],
    [{ service: 'shop' }, { service: 'shop' }],
    [{ records: false }, { records: null }],
    [
      { records: { sample: 0.25, headers: ['User-Agent'], query: true } },
      { records: { sample: 0.25, headers: ['user-agent'], query: true } },
    ],
    [{ errors: { format: 'envelope' } }, { errors: { format: 'envelope' } }],
    [{ overload: false }, { overload: null }],
    [
      { overload: { maxMemory: '1gb', shedAt: 0.5 } },
      { overload: { maxMemory: { kind: 'bytes', bytes: 1024 ** 3 }, shed: 500, maxInFlight: 16_384 } },
    ],
    [
      { overload: { maxInFlight: null, maxMemory: null, maxEventLoopDelay: '500ms', retryAfter: '1m' } },
      {
        overload: { maxInFlight: null, maxMemory: null, maxEventLoopDelayMs: 500, retryAfterSeconds: 60 },
      },
    ],
    [{ listen: { maxBodyBytes: 0 } }, { maxBodyBytes: 0 }],
    [{ listen: { maxHeaderBytes: 2000 } }, { maxHeaderBytes: 2000 }],
    [{ listen: { chunkedRequests: 'accept' } }, { acceptChunked: true }],
    [{ listen: { chunkedRequests: 'refuse' } }, { acceptChunked: false }],
    [{ listen: {} }, { acceptChunked: null }],
    [
      {
        listen: {
          headerTimeout: '1s',
          requestTimeout: '2s',
          keepAliveTimeout: '3s',
          writeTimeout: '4s',
          halfCloseTimeout: '0ms',
          minBodyRate: '0b',
          maxConnections: 1,
          maxConnectionsPerClient: null,
          proxyProtocol: true,
          trustedProxies: ['::1'],
        },
      },
      {
        downstream: {
          headerTimeoutMs: 1000,
          requestTimeoutMs: 2000,
          keepAliveTimeoutMs: 3000,
          writeTimeoutMs: 4000,
          halfCloseTimeoutMs: 0,
          minBodyRate: 0,
          maxConnections: 1,
          maxConnectionsPerClient: null,
          proxyProtocol: true,
        },
      },
    ],
    [
      { listen: { trustedProxies: ['10.0.0.0/8', '::1', 'fd00::/8'] } },
      { trustedProxies: ['10.0.0.0/8', '::1', 'fd00::/8'] },
    ],
    [{ listen: { limits: ['perClient'] } }, { listenLimits: ['perClient'] }],
  ])('%j', (changes, part) => expect(planOf(changes)).toMatchObject(part));
});

describe('listen', () => {
  it.each([
    [{ listener: 'native' }, { listener: 'native' }],
    [{ threads: 256 }, { threads: 256 }],
    [{ threads: 'loop' }, { threads: 'loop' }],
    [
      { workers: 64, handlers: '/srv/a.js' },
      { workers: 64, handlers: '/srv/a.js' },
    ],
    [{ handlers: 'a.js' }, { handlers: join(process.cwd(), 'a.js') }],
    [{ handlers: 'file:///srv/a%20b.js' }, { handlers: '/srv/a b.js' }],
    [{ backlog: 1 }, { backlog: 1 }],
    [{ drainDelay: '5s' }, { drainDelayMs: 5000 }],
  ])('%j', (listen, part) => expect(parseConfig(config({ listen })).listen).toMatchObject(part));
});

describe('limits', () => {
  it.each([
    [{}, { burst: 100, key: { kind: 'client' } }],
    [{ burst: 5 }, { burst: 5 }],
    [{ per: '1m' }, { perMs: 60_000 }],
    [{ key: 'route' }, { key: { kind: 'route' } }],
    [{ key: 'header:X-Api-Key' }, { key: { kind: 'header', name: 'x-api-key' } }],
    [{ key: 'claim:realm:Org' }, { key: { kind: 'claim', name: 'realm:Org' } }],
  ])('%j', (changes, part) => {
    expect(planOf({ limits: { perClient: { ...limit, ...changes } } }).limits[0]).toMatchObject(part);
  });
});

describe('issuers', () => {
  it.each([
    [{}, { algorithms: ['RS256'] }],
    [{ algorithms: ['EdDSA', 'ES256'] }, { algorithms: ['EdDSA', 'ES256'] }],
    [{ audience: false }, { audience: null }],
    [{ clockSkew: '1m' }, { clockSkewSeconds: 60 }],
    [{ required: [] }, { required: [] }],
    [{ realm: 'shop' }, { realm: 'shop' }],
    [{ refreshCooldown: '5s' }, { refreshCooldownMs: 5000 }],
    [{ failureLimit: false }, { failures: null }],
    [{ failureLimit: { rate: 5 } }, { failures: { rate: 5, perMs: 1000, burst: 5 } }],
    [{ failureLimit: { rate: 5, per: '1m', burst: 9 } }, { failures: { rate: 5, perMs: 60_000, burst: 9 } }],
    [{ jwks: 'http://keys.internal/', allowInsecure: true }, { issuer: 'https://id.example' }],
    [{ jwks: 'http://localhost:9100/jwks.json' }, { issuer: 'https://id.example' }],
    [{ jwks: 'http://[::1]:9100/jwks.json' }, { issuer: 'https://id.example' }],
  ])('%j', (changes, part) => {
    expect(planOf({ issuers: { main: { ...issuer, ...changes } } }).issuers[0]).toMatchObject(part);
  });

  it('keeps an inline key set as it is', () => {
    const jwks = { keys: [{ kty: 'RSA', n: 'abc', e: 'AQAB' }] };
    expect(parseConfig(config({ issuers: { main: { ...issuer, jwks } } })).keySources[0]?.jwks).toEqual(jwks);
  });
});

describe('upstreams', () => {
  it.each([
    [
      'http://orders',
      { url: 'http://orders', scheme: 'http', host: 'orders', port: 80, weight: 1, local: false },
    ],
    [
      'https://Orders.example/',
      {
        url: 'https://orders.example',
        scheme: 'https',
        host: 'orders.example',
        port: 443,
        weight: 1,
        local: false,
      },
    ],
    [
      'http://[::1]:9000',
      { url: 'http://[::1]:9000', scheme: 'http', host: '::1', port: 9000, weight: 1, local: false },
    ],
    [
      { url: 'http://a:81', weight: 2 },
      { url: 'http://a:81', scheme: 'http', host: 'a', port: 81, weight: 2, local: false },
    ],
  ])('%j', (target, plan) => {
    expect(planOf({ upstreams: { orders: { targets: [target] } } }).upstreams[0]?.targets).toEqual([plan]);
  });

  it.each([
    [{}, { maxIdle: 256 }],
    [{ maxConnections: 4 }, { maxIdle: 4 }],
    [{ maxIdle: 0 }, { maxIdle: 0 }],
    [{ balance: 'ewma' }, { balance: 'ewma', hashKey: { kind: 'client' } }],
    [{ balance: 'hash' }, { balance: 'hash', hashKey: { kind: 'client' } }],
    [
      { balance: 'maglev', hashKey: 'path' },
      { balance: 'maglev', hashKey: { kind: 'path' } },
    ],
    [{ balance: 'hash', hashKey: 'header:X-User' }, { hashKey: { kind: 'header', name: 'x-user' } }],
    [{ balance: 'hash', hashKey: 'cookie:Sid' }, { hashKey: { kind: 'cookie', name: 'Sid' } }],
    [
      { balance: 'hash', hashKey: 'claim:https://a.example/b' },
      { hashKey: { kind: 'claim', name: 'https://a.example/b' } },
    ],
  ])('%j', (changes, part) => {
    expect(planOf({ upstreams: { orders: { ...upstream, ...changes } } }).upstreams[0]).toMatchObject(part);
  });
});

describe('zones', () => {
  const targets = ['http://a', { url: 'http://b', zone: 'east' }, { url: 'http://c', zone: 'west' }];

  it.each([
    [{}, [false, false, false]],
    [{ zone: 'west' }, [false, false, true]],
    [{ zone: 'north' }, [false, false, false]],
  ])('%j', (changes, local) => {
    const { upstreams } = planOf({ ...changes, upstreams: { orders: { targets } } });
    expect(upstreams[0]?.targets.map((target) => target.local)).toEqual(local);
  });
});

describe('routes', () => {
  it.each([
    [{}, { id: '* /orders/:id' }],
    [{ match: { path: '/a', methods: ['GET', 'POST'] } }, { id: 'GET,POST /a', methods: ['GET', 'POST'] }],
    [
      { match: { path: '/a', host: 'API.example.com' } },
      { id: '* api.example.com/a', hosts: ['api.example.com'] },
    ],
    [{ match: { path: '/a', host: ['a.example', '*.b.example'] } }, { hosts: ['a.example', '*.b.example'] }],
    [{ match: { path: '/:id([a-z]{2}(?:-[A-Z]{2})?)' } }, { path: '/:id([a-z]{2}(?:-[A-Z]{2})?)' }],
    [
      { jwt: 'main' },
      {
        jwt: {
          issuer: ['main'],
          scopes: [],
          from: [{ kind: 'authorization' }],
          optional: false,
          shadow: false,
        },
      },
    ],
    [{ jwt: { issuer: ['main'], optional: true } }, { jwt: { issuer: ['main'], optional: true } }],
    [
      { jwt: { issuer: 'main', from: ['header', 'header:X-Token', 'cookie:Session'], shadow: true } },
      {
        jwt: {
          from: [
            { kind: 'authorization' },
            { kind: 'header', name: 'x-token' },
            { kind: 'cookie', name: 'Session' },
          ],
          shadow: true,
        },
      },
    ],
    [{ jwt: false }, { jwt: null }],
    [{ cors: false }, { cors: null }],
    [
      { cors: { origins: ['*'] } },
      { cors: { origins: ['*'], methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] } },
    ],
    [
      {
        cors: {
          origins: ['https://*.example:8443'],
          exposedHeaders: ['X-Trace-ID'],
          maxAge: '0s',
          credentials: true,
        },
      },
      { cors: { exposedHeaders: ['x-trace-id'], maxAgeSeconds: 0, credentials: true } },
    ],
    [
      { totalTimeout: '1m', maxBodyBytes: '2mb' },
      { totalTimeoutMs: 60_000, maxBodyBytes: 2_097_152 },
    ],
    [
      { maxBodyBytes: null, timeout: undefined },
      { maxBodyBytes: null, timeoutMs: 15_000 },
    ],
    [{ rewrite: { addPrefix: '/v1/%C3%A9' } }, { rewrite: { stripPrefix: null, addPrefix: '/v1/%C3%A9' } }],
    [
      { headers: { set: { 'X-Kind': 'a  b\tc', 'X-Empty': '' }, remove: ['Cookie'] } },
      {
        headers: {
          set: [
            ['x-kind', 'a  b\tc'],
            ['x-empty', ''],
          ],
          remove: ['cookie'],
        },
      },
    ],
    [{ claimHeaders: { 'X-Org': 'realm_access.org' } }, { claimHeaders: [['x-org', 'realm_access.org']] }],
    [{ websocket: false }, { websocket: null }],
    [{ websocket: true }, { websocket: { idleTimeoutMs: 300_000, closeOnTokenExpiry: false } }],
    [
      { websocket: { idleTimeout: '1h', closeOnTokenExpiry: true }, jwt: 'main' },
      { websocket: { idleTimeoutMs: 3_600_000, closeOnTokenExpiry: true } },
    ],
    [{ websocket: true, match: { path: '/a', methods: ['POST', 'GET'] } }, { methods: ['POST', 'GET'] }],
    [{ allowEncoded: ['%2f', '%5c', '//', '\\'] }, { allowEncoded: ['%2f', '%5c', '//', '\\'] }],
  ])('%j', (changes, part) => expect(routeOf(changes)).toMatchObject(part));

  it('has the number of its handler instead of an upstream', () => {
    const known = parseConfig(config()).known;
    expect(parseRoute({ match: { path: '/a' } }, { known, handler: 0 }).action).toEqual({
      kind: 'handler',
      handler: 0,
    });
  });

  it('of code come after those of the configuration', () => {
    const parsed = parseConfig(config({ routes: [route()] }));
    const code = parseRoute(route({ id: 'code' }), { known: parsed.known });
    expect(toPlan(parsed, [code]).routes.map(({ id }) => id)).toEqual(['* /orders/:id', 'code']);
  });
});
