// Request lines: methods, targets and versions, good and bad.
import { answered, type Case, denied, forwarded, HOST, refused, request } from '../case.ts';

const longTarget = `/public/${'a'.repeat(8184)}`;

const good: readonly Case[] = [
  { name: 'a plain GET', send: request('GET /public/a'), expect: forwarded('GET /public/a') },
  {
    name: 'a method that nobody knows',
    send: request('BREW /public/a'),
    expect: forwarded('BREW /public/a'),
  },
  {
    name: 'a method in lower case is another method',
    clause: 'RFC 9110 9.1',
    send: request('get /orders/1'),
    expect: denied(405, 'method_not_allowed', { allow: 'GET, HEAD, PUT, OPTIONS' }),
  },
  {
    name: 'a method in lower case for a route of all methods',
    clause: 'RFC 9110 9.1',
    send: request('get /public/a'),
    expect: forwarded('get /public/a'),
  },
  {
    name: 'a method of every character of a token',
    clause: 'RFC 9110 5.6.2',
    send: request("!#$%&'*+-.^_`|~aZ9 /public/a"),
    expect: forwarded("!#$%&'*+-.^_`|~aZ9 /public/a"),
  },
  { name: 'TRACE is no different', send: request('TRACE /public/a'), expect: forwarded('TRACE /public/a') },
  {
    name: 'a query is kept as it is',
    send: request('GET /public/a?b=%41&c=/../d?e'),
    expect: forwarded('GET /public/a?b=%41&c=/../d?e'),
  },
  {
    name: 'a target of 8,192 bytes',
    send: request(`GET ${longTarget}`),
    expect: forwarded(`GET ${longTarget}`),
  },
  {
    name: 'an empty line before the request',
    clause: 'RFC 9112 2.2',
    send: `\r\n${request('GET /public/a')}`,
    expect: forwarded('GET /public/a'),
  },
  {
    name: 'two empty lines before the request',
    clause: 'RFC 9112 2.2',
    send: `\r\n\r\n${request('GET /public/a')}`,
    expect: forwarded('GET /public/a'),
  },
  {
    name: 'absolute-form',
    clause: 'RFC 9112 3.2.2',
    send: request('GET http://gateway.test/public/a?b'),
    expect: forwarded('GET /public/a?b'),
  },
  {
    name: 'absolute-form goes before Host',
    clause: 'RFC 9112 3.2.2',
    send: request('GET http://tenant.test/tenant'),
    expect: forwarded('GET /tenant', { fields: { 'x-forwarded-host': 'tenant.test' } }),
  },
  {
    name: 'absolute-form goes before another Host, for routes too',
    clause: 'RFC 9112 3.2.2',
    send: 'GET http://gateway.test/tenant HTTP/1.1\r\nHost: tenant.test\r\n\r\n',
    expect: denied(404, 'route_not_found'),
  },
  {
    name: 'absolute-form that climbs to /admin',
    clause: 'RFC 3986 6.2.2',
    send: request('GET http://gateway.test/public/../admin'),
    expect: denied(401, 'token_missing'),
  },
  {
    name: 'absolute-form of https over a connection without TLS',
    clause: 'RFC 9110 7.4',
    send: request('GET https://gateway.test/public/a'),
    expect: denied(421, 'misdirected_request'),
  },
  {
    name: 'OPTIONS *',
    clause: 'RFC 9112 3.2.4',
    send: request('OPTIONS *'),
    expect: answered({ status: 204 }),
  },
  {
    name: 'HTTP/1.0 closes',
    clause: 'RFC 9112 2.3',
    send: `GET /public/a HTTP/1.0\r\n${HOST}\r\n`,
    expect: { ...forwarded('GET /public/a'), closes: true },
  },
  {
    name: 'HTTP/1.0 with keep-alive stays',
    clause: 'RFC 9112 9.3',
    send: `GET /public/a HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`,
    expect: forwarded('GET /public/a', {}, { fields: { connection: 'keep-alive' } }),
  },
  {
    name: 'HTTP/1.0 without Host',
    clause: 'RFC 9112 3.2',
    send: 'GET /public/a HTTP/1.0\r\n\r\n',
    expect: { ...forwarded('GET /public/a'), closes: true },
  },
  {
    name: 'HTTP/1.2 is served as HTTP/1.1',
    clause: 'RFC 9112 2.3',
    send: `GET /public/a HTTP/1.2\r\n${HOST}\r\n`,
    expect: forwarded('GET /public/a'),
  },
];

const targets: readonly (readonly [name: string, target: string, status?: number])[] = [
  ['a relative target', 'public/a'],
  ['authority-form without CONNECT', 'gateway.test:80'],
  ['absolute-form with user and password', 'http://user:word@gateway.test/public/a'],
  ['absolute-form of a scheme that is not ours', 'ftp://gateway.test/public/a'],
  ['absolute-form without a host', 'http:///public/a'],
  ['absolute-form with a comma in its host', 'http://gateway.test,other.test/public/a'],
  ['absolute-form with a port over 65535', 'http://gateway.test:99999/public/a'],
  ['absolute-form with a backslash behind its host', 'http://gateway.test\\@other.test/public/a'],
  ['absolute-form with a percent-escape in its host', 'http://gateway%2etest/public/a'],
  ['absolute-form with a fragment', 'http://gateway.test/public/a#b'],
  ['absolute-form of one slash', 'http:/public/a'],
  ['a target that begins with a backslash', '\\public\\a'],
  ['* for GET', '*'],
  ['* with more behind it', '*a'],
  ['a fragment', '/public/a#b'],
  ['a raw byte above 0x7F in the target', '/public/\xe9'],
  ['raw UTF-8 in the target', '/public/\xc3\xa9'],
  ['a control character in the target', '/public/a\x01b'],
  ['NUL in the target', '/public/a\0b'],
  ['HTAB in the target', '/public/a\tb'],
  ['DEL in the target', '/public/a\x7fb'],
  ['CR in the target', '/public/a\rb'],
  ['a space in the target', '/public/a b'],
  ['%00 in the path', '/public/a%00b'],
  ['%00 in the query', '/public/a?b%00'],
  ['an escape without digits', '/public/%zz'],
  ['an escape cut short', '/public/a%4'],
  ['a bad escape in the query', '/public/a?b=%4'],
  ['a target of 8,193 bytes', `${longTarget}a`, 414],
  ['a target of 100,000 bytes', `/public/${'a'.repeat(100_000)}`, 414],
];

const methods: readonly (readonly [name: string, method: string])[] = [
  ['a slash in the method', 'GE/T'],
  ['quotes around the method', '"GET"'],
  ['a colon behind the method', 'GET:'],
  ['a byte above 0x7F in the method', 'G\xc9T'],
  ['NUL in the method', 'GE\0T'],
  ['a control character in the method', 'GE\x1bT'],
  ['an @ in the method', 'GET@'],
];

const bad: readonly Case[] = [
  ...targets.map(
    ([name, target, status = 400]): Case => ({
      name,
      send: request(`GET ${target}`),
      expect: refused(status),
    }),
  ),
  { name: 'a method outside the grammar', send: request('GE(T /public/a'), expect: refused(400) },
  ...methods.map(
    ([name, method]): Case => ({
      name,
      clause: 'RFC 9110 9.1',
      send: request(`${method} /public/a`),
      expect: refused(400),
    }),
  ),
  { name: 'an empty method', send: request(' /public/a'), expect: refused(400) },
  { name: 'a method of 33 bytes', send: request(`${'A'.repeat(33)} /public/a`), expect: refused(501) },
  {
    name: 'a method of 100,000 bytes',
    send: request(`${'A'.repeat(100_000)} /public/a`),
    expect: refused([400, 414, 431, 501]),
  },
  {
    name: 'CONNECT',
    clause: 'RFC 9110 9.3.6',
    send: request('CONNECT gateway.test:443'),
    expect: refused([400, 405, 501]),
  },
  {
    name: 'CONNECT with a body',
    clause: 'RFC 9110 9.3.6',
    send: request('CONNECT gateway.test:443', ['Content-Length: 5'], 'hello'),
    expect: refused([400, 501]),
  },
  {
    name: 'CONNECT in lower case',
    send: request('connect gateway.test:443'),
    expect: refused([400, 501]),
  },
  { name: 'CONNECT with a path', send: request('CONNECT /public/a'), expect: refused(501) },
  { name: 'two spaces before the target', send: request('GET  /public/a'), expect: refused(400) },
  { name: 'two spaces before the version', send: request('GET /public/a '), expect: refused(400) },
  { name: 'HTAB for space', send: request('GET\t/public/a'), expect: refused(400) },
  {
    name: 'HTAB before the version',
    send: `GET /public/a\tHTTP/1.1\r\n${HOST}\r\n`,
    expect: refused(400),
  },
  { name: 'a vertical tab for space', send: request('GET\x0b/public/a'), expect: refused(400) },
  { name: 'a byte above 0x7F for space', send: request('GET\xa0/public/a'), expect: refused(400) },
  { name: 'the version twice', send: request('GET /public/a HTTP/1.1'), expect: refused(400) },
  {
    name: 'absolute-form with two Host fields',
    clause: 'RFC 9112 3.2',
    send: request('GET http://gateway.test/public/a', ['Host: other.test']),
    expect: refused(400),
  },
  {
    name: 'absolute-form without Host',
    clause: 'RFC 9112 3.2',
    send: 'GET http://gateway.test/public/a HTTP/1.1\r\n\r\n',
    expect: refused(400),
  },
  {
    name: 'absolute-form with a malformed Host',
    clause: 'RFC 9112 3.2',
    send: 'GET http://gateway.test/public/a HTTP/1.1\r\nHost: a,b\r\n\r\n',
    expect: refused(400),
  },
  { name: 'a space before the method', send: request(' GET /public/a'), expect: refused(400) },
  { name: 'no target', send: `GET HTTP/1.1\r\n${HOST}\r\n`, expect: refused(400) },
];

const versions: readonly (readonly [name: string, send: string])[] = [
  ['HTTP/0.9', 'GET /public/a\r\n\r\n'],
  ['HTTP/0.9 by its name', `GET /public/a HTTP/0.9\r\n${HOST}\r\n`],
  ['HTTP/1', `GET /public/a HTTP/1\r\n${HOST}\r\n`],
  ['HTTP/1.', `GET /public/a HTTP/1.\r\n${HOST}\r\n`],
  ['HTTP/+1.1', `GET /public/a HTTP/+1.1\r\n${HOST}\r\n`],
  ['HTTPS/1.1', `GET /public/a HTTPS/1.1\r\n${HOST}\r\n`],
  ['HTTP/2.0', `GET /public/a HTTP/2.0\r\n${HOST}\r\n`],
  ['HTTP/9.9', `GET /public/a HTTP/9.9\r\n${HOST}\r\n`],
  ['HTTP/1.11', `GET /public/a HTTP/1.11\r\n${HOST}\r\n`],
  ['http/1.1 in lower case', `GET /public/a http/1.1\r\n${HOST}\r\n`],
  ['a space behind the version', `GET /public/a HTTP/1.1 \r\n${HOST}\r\n`],
  ['bare LF behind the request line', `GET /public/a HTTP/1.1\n${HOST}\r\n`],
  ['bare LF everywhere', 'GET /public/a HTTP/1.1\nHost: gateway.test\n\n'],
  ['bare CR everywhere', 'GET /public/a HTTP/1.1\rHost: gateway.test\r\r'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS hello on a plain port', `\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03${'\x11'.repeat(64)}\r\n\r\n`],
  ['a TLS hello as a browser sends it', `\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03${'\x11'.repeat(64)}`],
  ['three empty lines before the request', `\r\n\r\n\r\n${request('GET /public/a')}`],
  ['bare LF before the request', `\n${request('GET /public/a')}`],
  ['bare CR before the request', `\r${request('GET /public/a')}`],
  ['NUL before the request', `\0${request('GET /public/a')}`],
  ['a byte order mark before the request', `\xef\xbb\xbf${request('GET /public/a')}`],
  ['an answer for a request', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  [
    'a PROXY header that nobody asked for',
    `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${request('GET /public/a')}`,
  ],
  ['the greeting of SSH', 'SSH-2.0-client\r\n\r\n'],
  ['random bytes', '\xff\xfe\0\x01\x80\x7f\r\n\r\n'],
  ['10,000 random bytes', randomText(10_000, 1)],
  ['10,000 random bytes behind a method', `GET ${randomText(10_000, 2)}`],
];

/** Bytes of a generator that gives the same ones in every run. */
function randomText(length: number, seed: number): string {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode((state >>> 16) & 0xff);
  }).join('');
}

export const requestLine: readonly Case[] = [
  ...good,
  ...bad,
  ...versions.map(
    ([name, send]): Case => ({ name, send, expect: { ...refused([400, 505]), orClosed: true } }),
  ),
];
