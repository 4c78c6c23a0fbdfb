// Response heads that leave doubt: the client gets 502, the connection is closed (RFC 9112 sections 4, 5, 6; RFC 9110 section 15).
import { head, ok, type UpstreamCase } from './case.ts';

const LENGTH = 'Content-Length: 2';

const statusLines: Readonly<Record<string, string>> = {
  'no version': '200 OK',
  'another protocol': 'SSH-2.0-OpenSSH_9',
  'ICY in place of HTTP': 'ICY 200 OK',
  'a version in lower case': 'http/1.1 200 OK',
  'HTTP/0.9': 'HTTP/0.9 200 OK',
  'HTTP/1.2': 'HTTP/1.2 200 OK',
  'HTTP/1.10': 'HTTP/1.10 200 OK',
  'HTTP/2': 'HTTP/2 200',
  'HTTP/2.0': 'HTTP/2.0 200 OK',
  'HTTP 1.1 without a slash': 'HTTP 1.1 200 OK',
  'no status': 'HTTP/1.1',
  'no status but a space': 'HTTP/1.1 ',
  'no space before the status': 'HTTP/1.1200 OK',
  'two spaces before the status': 'HTTP/1.1  200 OK',
  'a tab before the status': 'HTTP/1.1\t200 OK',
  'a tab behind the status': 'HTTP/1.1 200\tOK',
  'a reason without a space': 'HTTP/1.1 200OK',
  'one digit': 'HTTP/1.1 2',
  'two digits': 'HTTP/1.1 20 OK',
  'four digits': 'HTTP/1.1 2000 OK',
  'letters in the status': 'HTTP/1.1 2x0 OK',
  'a sign in the status': 'HTTP/1.1 +20 OK',
  'status 000': 'HTTP/1.1 000 OK',
  'status 099': 'HTTP/1.1 099 OK',
  'status 600': 'HTTP/1.1 600 OK',
  'status 999': 'HTTP/1.1 999 OK',
  'NUL in the reason': 'HTTP/1.1 200 O\0K',
  'a control character in the reason': 'HTTP/1.1 200 O\x01K',
  'DEL in the reason': 'HTTP/1.1 200 O\x7fK',
  'a bare CR in the reason': 'HTTP/1.1 200 O\rK',
  'leading white space': ' HTTP/1.1 200 OK',
};

const starts: Readonly<Record<string, string>> = {
  'an empty line first': `\r\n${ok(LENGTH)}`,
  'a bare LF first': `\n${ok(LENGTH)}`,
  'garbage first': `garbage\r\n${ok(LENGTH)}`,
  'a chunk of an earlier answer first': `0\r\n\r\n${ok(LENGTH)}`,
  'nothing but a body': '<html>ok</html>\r\n\r\n',
  'a bare LF behind the status line': `HTTP/1.1 200 OK\n${LENGTH}\r\n\r\nok`,
  'bare LFs': `HTTP/1.1 200 OK\n${LENGTH}\n\nok`,
  'a bare LF behind a field': `HTTP/1.1 200 OK\r\n${LENGTH}\n\r\nok`,
  'a bare LF in the empty line': `HTTP/1.1 200 OK\r\n${LENGTH}\r\n\nok`,
};

const fields: Readonly<Record<string, string>> = {
  'NUL in a value': 'X-A: a\0b',
  'NUL in a name': 'X\0A: b',
  'a control character in a value': 'X-A: a\x01b',
  'DEL in a value': 'X-A: a\x7fb',
  'a bare CR in a value': 'X-A: a\rSet-Cookie: b=c',
  'a bare CR at the end of a value': 'X-A: a\r',
  'a folded line': 'X-A: b\r\n c',
  'a line folded by a tab': 'X-A: b\r\n\tc',
  'a folded length': 'Content-Length:\r\n 2',
  'a first line that is folded': ' X-A: b',
  'a space before the colon': 'X-A : b',
  'a tab before the colon': 'X-A\t: b',
  'a space before the colon of a length': 'Content-Length : 2',
  'a space before the colon of an encoding': 'Transfer-Encoding : chunked',
  'no colon': 'X-A',
  'an empty name': ': b',
  'a name that is no token': 'X(A): b',
  'a name with a space': 'X A: b',
  'an 8-bit name': 'X-\xe9: b',
  'a Connection that is no list of tokens': 'Connection: a b',
};

const framings: Readonly<Record<string, readonly string[]>> = {
  'length and encoding': [LENGTH, 'Transfer-Encoding: chunked'],
  'encoding and length': ['Transfer-Encoding: chunked', LENGTH],
  'two lengths': [LENGTH, 'Content-Length: 3'],
  'two equal lengths': [LENGTH, LENGTH],
  'a list of lengths': ['Content-Length: 2, 3'],
  'a list of equal lengths': ['Content-Length: 2, 2'],
  'an empty length': ['Content-Length:'],
  'a length with a sign': ['Content-Length: +2'],
  'a negative length': ['Content-Length: -2'],
  'a hexadecimal length': ['Content-Length: 0x2'],
  'a length with a space': ['Content-Length: 1 2'],
  'a length with an underscore': ['Content-Length: 1_0'],
  'a length with a point': ['Content-Length: 2.0'],
  'a length with a parameter': ['Content-Length: 2;a'],
  'a length of 30 digits': [`Content-Length: ${'2'.repeat(30)}`],
  'a length of 2^64': ['Content-Length: 18446744073709551616'],
  gzip: ['Transfer-Encoding: gzip'],
  'gzip and chunked': ['Transfer-Encoding: gzip, chunked'],
  'chunked and gzip': ['Transfer-Encoding: chunked, gzip'],
  identity: ['Transfer-Encoding: identity'],
  'an unknown encoding': ['Transfer-Encoding: xchunked'],
  'an empty encoding': ['Transfer-Encoding:'],
  'two encodings': ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  'chunked twice': ['Transfer-Encoding: chunked, chunked'],
  'chunked with a parameter': ['Transfer-Encoding: chunked;q=1'],
  'chunked behind an empty element': ['Transfer-Encoding: , chunked'],
  'chunked in quotes': ['Transfer-Encoding: "chunked"'],
};

const refused = (group: string, says: Readonly<Record<string, string>>): UpstreamCase[] =>
  Object.entries(says).map(([name, text]) => ({
    name: `${group}: ${name}`,
    says: text,
    outcome: 'upstream_protocol',
  }));

const mapped = <Value>(
  table: Readonly<Record<string, Value>>,
  text: (value: Value) => string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [name, text(value)]));

const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';

export const heads: readonly UpstreamCase[] = [
  ...refused(
    'status line',
    mapped(statusLines, (line) => `${line}\r\n${LENGTH}\r\n\r\nok`),
  ),
  ...refused('start', starts),
  ...refused(
    'field',
    mapped(fields, (line) => (/^(?:content-length|transfer)/i.test(line) ? ok(line) : ok(line, LENGTH))),
  ),
  ...refused(
    'field behind the length',
    mapped(fields, (line) => ok(LENGTH, line)),
  ),
  ...refused(
    'framing',
    mapped(framings, (lines) => `${head(...lines)}2\r\nok\r\n0\r\n\r\n`),
  ),
  ...refused('framing', {
    'chunked on HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    'two lengths of a 204': `HTTP/1.1 204 No Content\r\n${LENGTH}\r\nContent-Length: 3\r\n\r\n`,
    'two lengths of a 304': `HTTP/1.1 304 Not Modified\r\n${LENGTH}\r\nContent-Length: 3\r\n\r\n`,
    'two lengths of a 103': `HTTP/1.1 103 Hints\r\n${LENGTH}\r\nContent-Length: 3\r\n\r\n${ok(LENGTH)}`,
  }),
  ...refused('size', {
    '1 MB of fields': head(...Array.from({ length: 90 }, (_, at) => `X-${at}: ${'a'.repeat(12_000)}`)),
    'a field of 1 MB': ok(`X-A: ${'a'.repeat(1_000_000)}`, LENGTH),
    'a name of 1 MB': ok(`${'a'.repeat(1_000_000)}: b`, LENGTH),
    'a reason of 1 MB': `HTTP/1.1 200 ${'a'.repeat(1_000_000)}\r\n${LENGTH}\r\n\r\nok`,
    '101 fields': ok(...new Array(100).fill('X-A: b'), LENGTH),
    '100,000 fields': `HTTP/1.1 200 OK\r\n${'a:\r\n'.repeat(100_000)}${LENGTH}\r\n\r\nok`,
  }),
  ...refused('interim', {
    '101 that nobody asked for': `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n${ok(LENGTH)}`,
    'a flood of 103': `${interim.repeat(10_000)}${ok(LENGTH)}`,
    'a flood of 100': `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)}${ok(LENGTH)}`,
    'one with a body': `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello${ok(LENGTH)}`,
    'one that is malformed': `HTTP/1.1 103 Early Hints\r\nX-A : b\r\n\r\n${ok(LENGTH)}`,
    'garbage behind one': `${interim}garbage\r\n\r\n`,
  }),
];
