// Header fields: grammar, counts, sizes, and what may occur once.
import { type Case, type Expectation, forwarded, HOST, refused, request } from '../case.ts';

const withLine = (line: string): string => request('GET /public/a', [line]);
const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `X-${at}: a`);

const bad: readonly (readonly [name: string, line: string, status?: number])[] = [
  ['a space before the colon', 'X-A : b'],
  ['HTAB before the colon', 'X-A\t: b'],
  ['a line continued by a space', 'X-A: b\r\n c'],
  ['a line continued by HTAB', 'X-A: b\r\n\tc'],
  ['a line without a colon', 'X-A'],
  ['an empty field name', ': b'],
  ['a parenthesis in a field name', 'X(A): b'],
  ['a slash in a field name', 'X/A: b'],
  ['a space in a field name', 'X A: b'],
  ['a byte above 0x7F in a field name', 'X-\xe9: b'],
  ['NUL in a field name', 'X-\0A: b'],
  ['a control character in a field name', 'X-\x1bA: b'],
  ['DEL in a field name', 'X-\x7fA: b'],
  ['a comma in a field name', 'X,A: b'],
  ['quotes around a field name', '"X-A": b'],
  ['an @ in a field name', 'X@A: b'],
  ['NUL in a field value', 'X-A: b\0c'],
  ['a control character in a field value', 'X-A: b\x01c'],
  ['an escape character in a field value', 'X-A: b\x1b[31mc'],
  ['a vertical tab in a field value', 'X-A: b\x0bc'],
  ['a control character at the end of a field value', 'X-A: b\x1f'],
  ['DEL in a field value', 'X-A: b\x7fc'],
  ['bare CR in a field value', 'X-A: b\rc'],
  ['CR before CRLF', 'X-A: b\r'],
  ['bare LF behind a field', 'X-A: b\nX-B: c'],
  ['U+FFFD in a field value', 'X-A: b\xef\xbf\xbdc'],
  ['a byte that is not UTF-8 in a field value', 'X-A: b\xe9c'],
  ['two Authorization fields', 'Authorization: Bearer a\r\nAuthorization: Bearer b'],
  ['two Content-Type fields', 'Content-Type: text/plain\r\nContent-Type: text/html'],
  ['two equal Content-Type fields', 'Content-Type: text/plain\r\nContent-Type: text/plain'],
  ['two Proxy-Authorization fields', 'Proxy-Authorization: Basic a\r\nProxy-Authorization: Basic b'],
  ['two Origin fields', 'Origin: https://app.test\r\nOrigin: https://evil.test'],
  [
    'two Access-Control-Request-Method fields',
    'Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Method: GET',
  ],
];

const large: readonly Case[] = [
  {
    name: '98 fields',
    send: request('GET /public/a', many(97)),
    expect: forwarded('GET /public/a', { fields: { 'x-96': 'a' } }),
  },
  {
    name: '100 fields',
    send: request('GET /public/a', many(99)),
    expect: forwarded('GET /public/a', { fields: { 'x-98': 'a' } }),
  },
  {
    name: '101 fields',
    clause: 'RFC 6585 5',
    send: request('GET /public/a', many(100)),
    expect: refused(431),
  },
  {
    name: 'a field of 15,000 bytes',
    send: withLine(`X-A: ${'b'.repeat(15_000)}`),
    expect: forwarded('GET /public/a', { fields: { 'x-a': 'b'.repeat(15_000) } }),
  },
  {
    name: 'a head over maxHeaderBytes',
    send: withLine(`X-A: ${'b'.repeat(17_000)}`),
    expect: refused(431, 'headers_too_large'),
  },
  {
    name: 'a field of 100,000 bytes',
    send: withLine(`X-A: ${'b'.repeat(100_000)}`),
    expect: refused(431, 'headers_too_large'),
  },
  {
    name: 'a field of 100,000 bytes in pieces',
    send: [`GET /public/a HTTP/1.1\r\n${HOST}X-A: `, ...Array.from({ length: 10 }, () => 'b'.repeat(10_000))],
    expect: refused(431, 'headers_too_large'),
  },
  {
    name: 'a head that never ends',
    send: `GET /public/a HTTP/1.1\r\n${HOST}`,
    timed: true,
    expect: { answers: [{ status: 408 }], orClosed: true, closes: true, reaches: [] },
  },
];

const passes = (fields: Record<string, string | null>): Expectation => forwarded('GET /public/a', { fields });

const good: readonly Case[] = [
  { name: 'an empty field value', send: withLine('X-A:'), expect: passes({ 'x-a': '' }) },
  {
    name: 'white space around a value',
    clause: 'RFC 9112 5.1',
    send: withLine('X-A: \t b \t '),
    expect: passes({ 'x-a': 'b' }),
  },
  { name: 'HTAB inside a value', send: withLine('X-A: b\tc'), expect: passes({ 'x-a': 'b\tc' }) },
  {
    name: 'UTF-8 inside a value',
    send: withLine('X-A: b\xc3\xa9c'),
    expect: passes({ 'x-a': 'b\xc3\xa9c' }),
  },
  {
    name: 'UTF-8 at the end of a value',
    send: withLine('X-A: b\xc3\xa9'),
    expect: passes({ 'x-a': 'b\xc3\xa9' }),
  },
  {
    name: 'UTF-8 at the start of a value',
    clause: 'RFC 9110 5.5',
    send: withLine('X-A: \xc3\xa9b'),
    expect: passes({ 'x-a': '\xc3\xa9b' }),
  },
  {
    name: 'a byte that is not UTF-8 at the start of a value',
    clause: 'RFC 9110 5.5',
    send: withLine('X-A: \x80b'),
    expect: passes({ 'x-a': '\x80b' }),
  },
  {
    name: 'a byte that is not UTF-8 at the end of a value',
    clause: 'RFC 9110 5.5',
    send: withLine('X-A: b\xff'),
    expect: passes({ 'x-a': 'b\xff' }),
  },
  {
    name: 'what another encoding calls a space is none',
    clause: 'RFC 9110 5.6.3',
    send: withLine('X-A: \xa0b\xa0'),
    expect: passes({ 'x-a': '\xa0b\xa0' }),
  },
  {
    name: 'every character of a field name',
    send: withLine("!#$%&'*+-.^`|~a1: b"),
    expect: passes({ "!#$%&'*+-.^`|~a1": 'b' }),
  },
  {
    name: 'a field of one name twice',
    send: request('GET /public/a', ['X-A: b', 'X-A: c']),
    expect: passes({ 'x-a': 'b & c' }),
  },
  {
    name: 'two Cookie fields',
    send: request('GET /public/a', ['Cookie: a=1', 'Cookie: b=2']),
    expect: passes({ cookie: 'a=1 & b=2' }),
  },
  {
    name: 'names that read as framing with - for _',
    send: request('GET /public/a', [
      'Content_Length: 5',
      'Transfer_Encoding: chunked',
      'X_Forwarded_For: 1.2.3.4',
    ]),
    expect: passes({
      content_length: null,
      transfer_encoding: null,
      x_forwarded_for: null,
      'x-forwarded-for': '127.0.0.1',
    }),
  },
  {
    name: 'names that read as the next hop with - for _',
    clause: 'RFC 9110 7.6.1',
    send: request('GET /public/a', [
      'Keep_Alive: timeout=5',
      'Proxy_Connection: close',
      'Proxy_Authorization: Basic YQ==',
      'HTTP2_Settings: AAMAAABk',
      'X_Real_IP: 1.2.3.4',
      'X_Forwarded-Host: evil.test',
    ]),
    expect: passes({
      keep_alive: null,
      proxy_connection: null,
      proxy_authorization: null,
      http2_settings: null,
      x_real_ip: null,
      'x_forwarded-host': null,
      'x-forwarded-host': 'gateway.test',
    }),
  },
];

export const fields: readonly Case[] = [
  ...bad.map(
    ([name, line, status = 400]): Case => ({
      name,
      clause: 'RFC 9112 5',
      send: withLine(line),
      expect: refused(status),
    }),
  ),
  {
    name: 'a space before the first field',
    clause: 'RFC 9112 2.2',
    send: `GET /public/a HTTP/1.1\r\n X-A: b\r\n${HOST}\r\n`,
    expect: refused(400),
  },
  {
    name: 'framing behind an empty field name',
    send: `POST /public/a HTTP/1.1\r\n${HOST}: b\r\nContent-Length: 5\r\n\r\nhello`,
    expect: refused(400),
  },
  {
    name: 'a length with a space before its colon',
    clause: 'RFC 9112 5.1',
    send: `POST /public/a HTTP/1.1\r\n${HOST}Content-Length : 5\r\n\r\nhello`,
    expect: refused(400),
  },
  {
    name: 'a transfer coding with HTAB before its colon',
    clause: 'RFC 9112 5.1',
    send: `POST /public/a HTTP/1.1\r\n${HOST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`,
    expect: refused(400),
  },
  {
    name: 'a transfer coding on a continued line',
    clause: 'RFC 9112 5.2',
    send: `POST /public/a HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    expect: refused(400),
  },
  ...large,
  ...good,
];
