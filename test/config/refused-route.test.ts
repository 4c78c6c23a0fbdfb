// Everything that may be wrong with one route, and the exact line that says so.
import { describe, expect, it } from 'vitest';
import { route, wrongRoute } from './support.ts';

const framing =
  'connection, content-length, expect, host, keep-alive, proxy-authenticate, proxy-authorization, proxy-connection, te, trailer, transfer-encoding, upgrade';
const settable = `expected a header name other than ${framing}, traceparent, via, x-forwarded-for, x-forwarded-host, x-forwarded-proto`;
const path = 'match.path: expected a path that starts with "/", without white space, "?" and "#"';
const method = 'expected a method in capital letters such as "GET", and not "CONNECT"';
const value =
  'expected up to 8192 printable ASCII characters and tabs, no white space at the ends, no line break, received a string that is not shown';
const prefix = 'expected a path such as "/api", percent-encoded, without "/" at the end';
const origin =
  'cors.origins[0]: expected an origin such as "https://app.example", "https://*.example" or "*", in lower case';

describe('a route', () => {
  it.each([
    [{ match: undefined }, 'match: expected an object, received nothing'],
    [{ match: {} }, `${path}, received nothing`],
    [{ match: { path: 'orders' } }, `${path}, received "orders"`],
    [{ match: { path: '/a b' } }, `${path}, received "/a b"`],
    [{ match: { path: '/a?b' } }, `${path}, received "/a?b"`],
    [{ match: { path: '/a)?b' } }, `${path}, received "/a)?b"`],
    [{ match: { path: '/a\n' } }, `${path}, received "/a\\n"`],
    [
      { match: { path: '/a', method: ['GET'] } },
      'match.method: expected a known name, received "method" (did you mean "methods"?)',
    ],
    [
      { match: { path: '/a', methods: [] } },
      'match.methods: expected a list of one or more methods, received an empty list',
    ],
    [{ match: { path: '/a', methods: ['get'] } }, `match.methods[0]: ${method}, received "get"`],
    [{ match: { path: '/a', methods: ['CONNECT'] } }, `match.methods[0]: ${method}, received "CONNECT"`],
    [
      { match: { path: '/a', methods: ['GET', 'GET'] } },
      'match.methods[1]: expected a value that is not in the list yet, received "GET"',
    ],
    [
      { match: { path: '/a', host: 'a:80' } },
      'match.host: expected a host or a list of hosts, received "a:80"',
    ],
    [
      { match: { path: '/a', host: ['*.a', 'a.*'] } },
      'match.host[1]: expected a host such as "api.example.com" or "*.example.com", without a port, received "a.*"',
    ],
    [{ id: 'é' }, 'id: expected 1 to 256 printable ASCII characters, received "é"'],
    [
      { jwt: true },
      'jwt: expected the id of an issuer, an object {"issuer", "scopes", …} or false, received true',
    ],
    [
      { jwt: { issuer: 'main', scopes: ['a b'] } },
      'jwt.scopes[0]: expected a scope without spaces, quotes and backslashes, received "a b"',
    ],
    [
      { jwt: { scope: 'a', issuer: 'main' } },
      'jwt.scope: expected a known name, received "scope" (did you mean "scopes"?)',
    ],
    [
      { jwt: { issuer: [] } },
      'jwt.issuer: expected the id of an issuer or a list of 1 to 8 of them, received an empty list',
    ],
    [
      { jwt: { issuer: ['main', 'mian'] } },
      'jwt.issuer[1]: expected the id of an issuer, received "mian" (did you mean "main"?)',
    ],
    [
      { jwt: { issuer: ['main', 'main'] } },
      'jwt.issuer[1]: expected a value that is not in the list yet, received "main"',
    ],
    [
      { jwt: { issuer: 'main', from: [] } },
      'jwt.from: expected a list of 1 to 8 of "header", "header:NAME" and "cookie:NAME", received an empty list',
    ],
    [
      { jwt: { issuer: 'main', from: ['query:token'] } },
      'jwt.from[0]: expected "header" (Authorization), "header:NAME" of another field, or "cookie:NAME", received "query:token"',
    ],
    [
      { jwt: { issuer: 'main', from: ['header:Authorization'] } },
      'jwt.from[0]: expected "header" (Authorization), "header:NAME" of another field, or "cookie:NAME", received "header:Authorization"',
    ],
    [
      { jwt: { issuer: 'main', from: ['header:Cookie'] } },
      'jwt.from[0]: expected "header" (Authorization), "header:NAME" of another field, or "cookie:NAME", received "header:Cookie"',
    ],
    [
      { jwt: { issuer: 'main', scopes: ['a'], optional: true } },
      'jwt.optional: expected false beside "scopes", which a request without a token lacks, received true',
    ],
    [{ limits: 'perClient' }, 'limits: expected a list of limit ids, received "perClient"'],
    [{ timeout: 15 }, 'timeout: expected a duration from "1ms" to "24h", received 15'],
    [{ timeout: null }, 'timeout: expected a duration from "1ms" to "24h", received null'],
    [
      { totalTimeout: '25h' },
      'totalTimeout: expected a duration from "1ms" to "24h", or null, received "25h"',
    ],
    [
      { maxBodyBytes: '1' },
      'maxBodyBytes: expected a size from "0b" to "1024gb", the number of bytes, or null, received "1"',
    ],
    [{ websocket: 'yes' }, 'websocket: expected an object, true or false, received "yes"'],
    [
      { websocket: { timeout: '1s' } },
      'websocket.timeout: expected one of idleTimeout, closeOnTokenExpiry, received "timeout"',
    ],
    [
      { websocket: { idleTimeout: '0ms' } },
      'websocket.idleTimeout: expected a duration from "1ms" to "24h", received "0ms"',
    ],
    [
      { websocket: { closeOnTokenExpiry: true } },
      'websocket.closeOnTokenExpiry: expected false, or a "jwt" on the route, received true',
    ],
    [
      { websocket: { closeOnTokenExpiry: true }, jwt: false },
      'websocket.closeOnTokenExpiry: expected false, or a "jwt" on the route, received true',
    ],
    [
      { websocket: true, match: { path: '/a', methods: ['POST'] } },
      'websocket: expected "GET" among the methods of the route, received true',
    ],
    [{ preserveHost: 'yes' }, 'preserveHost: expected true or false, received "yes"'],
    [
      { allowEncoded: ['%2F'] },
      'allowEncoded[0]: expected one of "%2f", "%5c", "//", "\\\\", received "%2F"',
    ],
    [{ upstream: undefined }, 'upstream: expected the id of an upstream, received nothing'],
    [
      { handler: () => 'x' },
      'handler: expected one of match, upstream, id, jwt, access, apiKey, limits, cors, timeout, idleTimeout, totalTimeout, maxBodyBytes, websocket, rewrite, headers, claimHeaders, clientCertificate, preserveHost, allowEncoded, received "handler"',
    ],
  ])('%j', (changes, line) => expect(wrongRoute(route(changes))).toEqual([line]));
});

describe('headers and paths', () => {
  it.each([
    [{ headers: { set: { Host: 'a' } } }, `headers.set.Host: ${settable}, received "Host"`],
    [{ headers: { set: { 'a b': 'a' } } }, `headers.set["a b"]: ${settable}, received "a b"`],
    [{ headers: { set: { a: 'x\r\ny: z' } } }, `headers.set.a: ${value}`],
    [{ headers: { set: { a: ' x' } } }, `headers.set.a: ${value}`],
    [{ headers: { set: { a: 'Ł' } } }, `headers.set.a: ${value}`],
    [
      { headers: { set: { 'X-A': '1', 'x-a': '2' } } },
      'headers.set.x-a: expected each header once, whatever its case, received "x-a"',
    ],
    [
      { headers: { remove: ['Content-Length'] } },
      `headers.remove[0]: expected a header name other than ${framing}, received "Content-Length"`,
    ],
    [
      { claimHeaders: { 'Transfer-Encoding': 'sub' } },
      `claimHeaders.Transfer-Encoding: ${settable}, received "Transfer-Encoding"`,
    ],
    [{ claimHeaders: { 'x-user': '' } }, 'claimHeaders.x-user: expected the name of a claim, received ""'],
    [
      { claimHeaders: { 'x-user': 'sub' }, headers: { set: { 'X-User': 'a' } } },
      'claimHeaders.x-user: expected a header that "headers.set" does not set, received "x-user"',
    ],
    [{ rewrite: { stripPrefix: '/' } }, `rewrite.stripPrefix: ${prefix}, received "/"`],
    [{ rewrite: { stripPrefix: '/api/' } }, `rewrite.stripPrefix: ${prefix}, received "/api/"`],
    [{ rewrite: { addPrefix: '/a/../b' } }, `rewrite.addPrefix: ${prefix}, received "/a/../b"`],
    [{ rewrite: { addPrefix: '/%zz' } }, `rewrite.addPrefix: ${prefix}, received "/%zz"`],
    [{ rewrite: { addPrefix: '/a\r\nb' } }, `rewrite.addPrefix: ${prefix}, received "/a\\r\\nb"`],
  ])('%j', (changes, line) => expect(wrongRoute(route(changes))).toEqual([line]));
});

describe('cors', () => {
  it.each([
    [{ origins: [] }, 'cors.origins: expected a list of one or more origins, received an empty list'],
    [{ origins: ['https://app.example/'] }, `${origin}, received "https://app.example/"`],
    [{ origins: ['app.example'] }, `${origin}, received "app.example"`],
    [{ origins: ['https://App.example'] }, `${origin}, received "https://App.example"`],
    [{ origins: ['null'] }, `${origin}, received "null"`],
    [
      { origins: ['*'], credentials: true },
      'cors.origins[0]: expected no "*" beside "credentials": true, received "*"',
    ],
    [
      { origins: ['https://a.example'], headers: ['*'], credentials: true },
      'cors.headers[0]: expected no "*" beside "credentials": true, received "*"',
    ],
    [
      { origins: ['https://a.example'], maxAge: '25h' },
      'cors.maxAge: expected a duration of whole seconds from "0s" to "24h", received "25h"',
    ],
  ])('%j', (cors, line) => expect(wrongRoute(route({ cors }))).toEqual([line]));
});

describe('a route of code', () => {
  it('goes to a handler or to an upstream', () => {
    expect(wrongRoute(route(), { handler: 1 })).toEqual([
      'upstream: expected nothing beside a handler, received "orders"',
    ]);
  });

  it('takes WebSocket connections for an upstream alone', () => {
    const options = { match: { path: '/a' }, websocket: true };
    expect(wrongRoute(options, { handler: 1 })).toEqual([
      'websocket: expected nothing beside a handler, received true',
    ]);
    expect(wrongRoute({ ...options, websocket: false }, { handler: 1 })).toEqual([]);
  });

  it('says where it stands', () => {
    expect(wrongRoute(route({ timeout: 1, limits: ['x'] }), { at: 'GET /orders/:id' })).toEqual([
      'GET /orders/:id.timeout: expected a duration from "1ms" to "24h", received 1',
      'GET /orders/:id.limits[0]: expected the id of a limit, received "x"',
    ]);
  });

  it('may be no object at all', () => {
    expect(wrongRoute(undefined)).toEqual(['expected an object, received nothing']);
    expect(wrongRoute('GET /a')).toEqual(['expected an object, received "GET /a"']);
  });
});
