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
];

const targets: readonly (readonly [name: string, target: string, status?: number])[] = [
  ['a relative target', 'public/a'],
  ['authority-form without CONNECT', 'gateway.test:80'],
  ['absolute-form with user and password', 'http://user:word@gateway.test/public/a'],
  ['absolute-form of a scheme that is not ours', 'ftp://gateway.test/public/a'],
  ['* for GET', '*'],
  ['a fragment', '/public/a#b'],
  ['a raw byte above 0x7F in the target', '/public/\xe9'],
  ['raw UTF-8 in the target', '/public/\xc3\xa9'],
  ['a control character in the target', '/public/a\x01b'],
  ['NUL in the target', '/public/a\0b'],
  ['HTAB in the target', '/public/a\tb'],
  ['DEL in the target', '/public/a\x7fb'],
  ['a space in the target', '/public/a b'],
  ['%00 in the path', '/public/a%00b'],
  ['%00 in the query', '/public/a?b%00'],
  ['an escape without digits', '/public/%zz'],
  ['an escape cut short', '/public/a%4'],
  ['a bad escape in the query', '/public/a?b=%4'],
  ['a target of 8,193 bytes', `${longTarget}a`, 414],
  ['a target of 100,000 bytes', `/public/${'a'.repeat(100_000)}`, 414],
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
  { name: 'CONNECT with a path', send: request('CONNECT /public/a'), expect: refused(501) },
  { name: 'two spaces before the target', send: request('GET  /public/a'), expect: refused(400) },
  { name: 'two spaces before the version', send: request('GET /public/a '), expect: refused(400) },
  { name: 'HTAB for space', send: request('GET\t/public/a'), expect: refused(400) },
  { name: 'a space before the method', send: request(' GET /public/a'), expect: refused(400) },
  { name: 'no target', send: `GET HTTP/1.1\r\n${HOST}\r\n`, expect: refused(400) },
];

const versions: readonly (readonly [name: string, send: string])[] = [
  ['HTTP/0.9', 'GET /public/a\r\n\r\n'],
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
  ['random bytes', '\xff\xfe\0\x01\x80\x7f\r\n\r\n'],
];

export const requestLine: readonly Case[] = [
  ...good,
  ...bad,
  ...versions.map(
    ([name, send]): Case => ({ name, send, expect: { ...refused([400, 505]), orClosed: true } }),
  ),
];
