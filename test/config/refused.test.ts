// Everything that may be wrong with a configuration, and the exact line that says so.
import { describe, expect, it } from 'vitest';
import { parseConfig, parseRoute, toPlan } from '../../src/config/index.ts';
import { GatewayError } from '../../src/errors.ts';
import { config, issuer, limit, linesOf, route, upstream, wrong } from './support.ts';

const size = (low: string, high: string): string =>
  `expected a size from "${low}" to "${high}", or the number of bytes`;
const id = 'expected an id of 1 to 64 letters, digits, "_", "-" and ".", with a letter or digit first';

describe('the whole', () => {
  it.each([
    [null, ['expected an object, received null']],
    [[], ['expected an object, received an empty list']],
    ['text', ['expected an object, received "text"']],
    [{ rotues: [] }, ['rotues: expected a known name, received "rotues" (did you mean "routes"?)']],
    [
      { listen: { timeout: '1s' } },
      [
        'listen.timeout: expected one of host, port, listener, threads, workers, handlers, backlog, trustedProxies, proxyProtocol, maxHeaderBytes, maxBodyBytes, chunkedRequests, headerTimeout, requestTimeout, keepAliveTimeout, writeTimeout, halfCloseTimeout, minBodyRate, maxConnections, maxConnectionsPerClient, shutdownTimeout, drainDelay, tls, limits, received "timeout"',
      ],
    ],
    [{ via: 'a b' }, ['via: expected a name of letters, digits and "-", or false, received "a b"']],
    [{ service: '' }, ['service: expected 1 to 256 printable ASCII characters, received ""']],
    [
      { errors: { format: 'html' } },
      ['errors.format: expected one of "problem", "envelope", received "html"'],
    ],
    [{ records: true }, ['records: expected an object or false, received true']],
    [{ records: { sample: 2 } }, ['records.sample: expected a number from 0 to 1, received 2']],
    [{ records: { headers: ['a b'] } }, ['records.headers[0]: expected a header name, received "a b"']],
    [{ admin: { prot: 1 } }, ['admin.prot: expected a known name, received "prot" (did you mean "port"?)']],
    [{ routes: {} }, ['routes: expected a list of routes, received an object']],
  ])('%j', (input, lines) => expect(wrong(input)).toEqual(lines));
});

describe('listen', () => {
  it.each([
    [{ port: 65_536 }, 'port: expected an integer from 0 to 65535, received 65536'],
    [{ port: '8080' }, 'port: expected an integer from 0 to 65535, received "8080"'],
    [{ port: 1.5 }, 'port: expected an integer from 0 to 65535, received 1.5'],
    [{ port: Number.NaN }, 'port: expected an integer from 0 to 65535, received NaN'],
    [{ host: 'a b' }, 'host: expected a host name or an address (IPv6 without brackets), received "a b"'],
    [{ listener: 'nginx' }, 'listener: expected one of "auto", "uws", "native", received "nginx"'],
    [{ threads: 0 }, 'threads: expected an integer from 1 to 256, or "loop", received 0'],
    [{ threads: 'all' }, 'threads: expected an integer from 1 to 256, or "loop", received "all"'],
    [{ workers: 0 }, 'workers: expected an integer from 1 to 64, received 0'],
    [{ workers: 65, handlers: 'a.js' }, 'workers: expected an integer from 1 to 64, received 65'],
    [
      { workers: 2 },
      'handlers: expected the path of a module that registers the handlers, as "workers" is more than 1, received nothing',
    ],
    [
      { handlers: '' },
      'handlers: expected the path of a module such as "./handlers.js", or its file: URL, received ""',
    ],
    [
      { handlers: 'file://host/a.js' },
      'handlers: expected the path of a module such as "./handlers.js", or its file: URL, received "file://host/a.js"',
    ],
    [{ backlog: 0 }, 'backlog: expected an integer from 1 to 65535, received 0'],
    [{ headerTimeout: '0s' }, 'headerTimeout: expected a duration from "1ms" to "24h", received "0s"'],
    [{ halfCloseTimeout: null }, 'halfCloseTimeout: expected a duration from "0ms" to "24h", received null'],
    [{ minBodyRate: '240' }, `minBodyRate: ${size('0b', '1gb')}, received "240"`],
    [
      { maxConnectionsPerClient: 0 },
      'maxConnectionsPerClient: expected an integer from 1 to 1048576, or null, received 0',
    ],
    [{ maxConnections: null }, 'maxConnections: expected an integer from 1 to 1048576, received null'],
    [
      { proxyProtocol: true },
      'proxyProtocol: expected false, or "trustedProxies" that name the peers which send it, received true',
    ],
    [{ drainDelay: '2h' }, 'drainDelay: expected a duration from "0ms" to "1h", received "2h"'],
    [
      { trustedProxies: ['10.0.0.0/33'] },
      'trustedProxies[0]: expected an address or a network such as "10.0.0.0/8", received "10.0.0.0/33"',
    ],
    [
      { trustedProxies: ['::1', '::1'] },
      'trustedProxies[1]: expected a value that is not in the list yet, received "::1"',
    ],
    [{ maxHeaderBytes: '1mb' }, `maxHeaderBytes: ${size('1kb', '64kb')}, received "1mb"`],
    [{ maxBodyBytes: '1MB' }, `maxBodyBytes: ${size('0b', '1024gb')}, received "1MB"`],
    [{ maxBodyBytes: -1 }, `maxBodyBytes: ${size('0b', '1024gb')}, received -1`],
    [{ shutdownTimeout: 10 }, 'shutdownTimeout: expected a duration from "0ms" to "1h", received 10'],
    [
      { limits: ['perclient'] },
      'limits[0]: expected the id of a limit, received "perclient" (did you mean "perClient"?)',
    ],
  ])('%j', (listen, line) => expect(wrong(config({ listen }))).toEqual([`listen.${line}`]));

  it('counts only by what is known before routing', () => {
    const limits = {
      a: { ...limit, key: 'claim:sub' },
      b: { ...limit, key: 'route' },
      c: { ...limit, key: 'header:x' },
    };
    expect(wrong(config({ limits, listen: { limits: ['a', 'b', 'c'] } }))).toEqual([
      'listen.limits[0]: expected a limit by client or header, which are known before routing, received "a"',
      'listen.limits[1]: expected a limit by client or header, which are known before routing, received "b"',
    ]);
  });
});

describe('issuers', () => {
  it.each([
    [{ issuer: 1 }, 'issuer: expected a string of 1 to 2048 characters, received 1'],
    [
      { audience: undefined },
      'audience: expected a list of one or more audiences, or false, received nothing',
    ],
    [
      { audience: [] },
      'audience: expected a list of one or more audiences, or false, received an empty list',
    ],
    [{ audience: true }, 'audience: expected a list of one or more audiences, or false, received true'],
    [
      { jwks: 'ftp://id.example' },
      'jwks: expected a URL or an object {"keys": […]}, received "ftp://id.example"',
    ],
    [
      { jwks: 'https://user:secret@id.example' },
      'jwks: expected a URL or an object {"keys": […]}, received a string that is not shown',
    ],
    [
      { jwks: 'http://id.example/keys' },
      'jwks: expected an https URL, or "allowInsecure": true, received "http://id.example/keys"',
    ],
    [{ jwks: { keys: [] } }, 'jwks.keys: expected a list of 1 to 1024 keys, received an empty list'],
    [
      { clockSkew: '1500ms' },
      'clockSkew: expected a duration of whole seconds from "0s" to "5m", received "1500ms"',
    ],
    [{ realm: 'a"b' }, 'realm: expected printable ASCII without quotes and backslashes, received "a\\"b"'],
    [
      { failureLimit: true },
      'failureLimit: expected an object {"rate", "per", "burst"} or false, received true',
    ],
    [
      { failureLimit: { rate: 0 } },
      'failureLimit.rate: expected an integer from 1 to 1000000000, received 0',
    ],
    [
      { failureLimit: { rate: 1, per: '31d', burst: 1000 } },
      'failureLimit.burst: expected a burst that "rate" fills in at most 366 days, received 1000',
    ],
    [{ cacheEntries: 0 }, 'cacheEntries: expected an integer from 1 to 16777216, received 0'],
  ])('%j', (changes, line) => {
    expect(wrong(config({ issuers: { main: { ...issuer, ...changes } } }))).toEqual([`issuers.main.${line}`]);
  });
});

const limitKey =
  'expected "client", "route", "header:NAME" or "claim:NAME", or a list of 1 to 8 different ones';

describe('limits', () => {
  it.each([
    [{ rate: 0 }, 'rate: expected an integer from 1 to 1000000000, received 0'],
    [{ per: '0ms' }, 'per: expected a duration from "1ms" to "31d", or "1mo", received "0ms"'],
    [{ burst: 1.5 }, 'burst: expected an integer from 1 to 1000000000, received 1.5'],
    [
      { rate: 1, per: '31d', burst: 1000 },
      'burst: expected a burst that "rate" fills in at most 366 days, received 1000',
    ],
    [{ key: 'ip' }, `key: ${limitKey}, received "ip"`],
    [{ key: 'header:a b' }, `key: ${limitKey}, received "header:a b"`],
  ])('%j', (changes, line) => {
    expect(wrong(config({ limits: { perClient: { ...limit, ...changes } } }))).toEqual([
      `limits.perClient.${line}`,
    ]);
  });

  it('have plain ids', () => {
    expect(wrong(config({ limits: { 'a"b': limit } }))).toEqual([`limits["a\\"b"]: ${id}, received "a\\"b"`]);
  });
});

describe('upstreams', () => {
  const url = 'expected a URL or an object {"url", "weight", "zone"}';
  const innerUrl = 'expected an http or https URL without path, query, user name and password';
  it.each([
    [{ targets: [] }, 'targets: expected a list of one or more targets, received an empty list'],
    [{ targets: ['127.0.0.1:80'] }, `targets[0]: ${url}, received "127.0.0.1:80"`],
    [{ targets: ['http://a/path'] }, `targets[0]: ${url}, received "http://a/path"`],
    [{ targets: ['http://a?'] }, `targets[0]: ${url}, received "http://a?"`],
    [{ targets: ['http://a:0'] }, `targets[0]: ${url}, received "http://a:0"`],
    [
      { targets: [{ url: 'http://u:p@a' }] },
      `targets[0].url: ${innerUrl}, received a string that is not shown`,
    ],
    [
      { targets: [{ url: 'http://a', weight: 0 }] },
      'targets[0].weight: expected an integer from 1 to 65535, received 0',
    ],
    [
      { targets: [{ url: 'http://a', wieght: 1 }] },
      'targets[0].wieght: expected a known name, received "wieght" (did you mean "weight"?)',
    ],
    [
      { targets: ['http://a', 'http://A:80'] },
      'targets[1]: expected a target that is not in the list yet, received "http://a"',
    ],
    [
      { targets: ['https://a'], tls: { ca: 'hidden' } },
      'tls.ca: expected certificates in PEM form, received a string that is not shown',
    ],
    [
      { balance: 'fastest' },
      'balance: expected one of "round-robin", "least-request", "ewma", "hash", "maglev", "random", received "fastest"',
    ],
    [
      { hashKey: 'path' },
      'hashKey: expected nothing unless "balance" is "hash" or "maglev", received "path"',
    ],
    [
      { balance: 'hash', hashKey: 'cookie:a b' },
      'hashKey: expected "client", "path", "header:NAME", "cookie:NAME" or "claim:NAME", received "cookie:a b"',
    ],
    [
      { targets: [{ url: 'http://a', zone: '' }] },
      'targets[0].zone: expected 1 to 256 printable ASCII characters, received ""',
    ],
    [{ connectTimeout: '0s' }, 'connectTimeout: expected a duration from "1ms" to "10m", received "0s"'],
  ])('%j', (changes, line) => {
    expect(wrong(config({ upstreams: { orders: { ...upstream, ...changes } } }))).toEqual([
      `upstreams.orders.${line}`,
    ]);
  });
});

describe('between sections', () => {
  it('finds ids that do not exist, and the one that was meant', () => {
    const routes = [route({ jwt: 'mian', limits: ['perClient', 'x'], upstream: 'order' })];
    expect(wrong(config({ routes }))).toEqual([
      'routes[0].upstream: expected the id of an upstream, received "order" (did you mean "orders"?)',
      'routes[0].jwt: expected the id of an issuer, received "mian" (did you mean "main"?)',
      'routes[0].limits[1]: expected the id of a limit, received "x"',
    ]);
  });

  it('finds routes with the same id, written or derived', () => {
    const routes = [route({ id: 'a' }), route({ id: 'a', match: { path: '/b' } }), route(), route()];
    expect(wrong(config({ routes }))).toEqual([
      'routes[1].id: expected an id other than that of routes[0], received "a"',
      'routes[3].id: expected an id other than that of routes[2], received the same methods, hosts and path',
    ]);
  });

  it('finds code routes that the configuration no longer carries', () => {
    const { known } = parseConfig(config());
    const code = parseRoute(route({ jwt: 'main', limits: ['perClient'] }), { known });
    expect(linesOf(() => toPlan(parseConfig({}), [code, code]))).toEqual([
      'routes["* /orders/:id"].jwt: expected the id of an issuer, received "main"',
      'routes["* /orders/:id"].limits: expected the id of a limit, received "perClient"',
      'routes["* /orders/:id"].upstream: expected the id of an upstream, received "orders"',
      'routes["* /orders/:id"].id: expected an id that no other route has, received "* /orders/:id"',
      'routes["* /orders/:id"].jwt: expected the id of an issuer, received "main"',
      'routes["* /orders/:id"].limits: expected the id of a limit, received "perClient"',
      'routes["* /orders/:id"].upstream: expected the id of an upstream, received "orders"',
    ]);
  });

  it('reports all at once, in the order of the configuration', () => {
    const input = {
      routes: [{ match: { path: 'x' } }],
      listen: { port: -1 },
      limits: { a: { rate: 0 } },
      extra: 1,
    };
    let error: unknown;
    try {
      parseConfig(input);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code: 'ERR_FG_CONFIG_INVALID', source: 'config', retryable: false });
    expect((error as GatewayError).issues?.map(({ path }) => path)).toEqual([
      'routes[0].match.path',
      'routes[0].upstream',
      'listen.port',
      'limits.a.rate',
      'limits.a.per',
      'extra',
    ]);
  });

  it('never takes a name of the prototype', () => {
    const routes = [route({ upstream: 'constructor', limits: ['toString'] })];
    expect(wrong(config({ routes }))).toHaveLength(2);
    expect(wrong(JSON.parse('{"__proto__": {"via": false}}'))).toHaveLength(1);
    expect(wrong({ constructor: 1 })).toHaveLength(1);
  });
});
