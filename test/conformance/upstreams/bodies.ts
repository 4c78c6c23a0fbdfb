// Response bodies that break or go on: never taken for whole, and what follows one is nobody's answer (RFC 9112 sections 6.3, 7.1, 8).
import { FORGED, head, ok, type UpstreamCase } from './case.ts';

const LENGTH = 'Content-Length: 2';
const chunked = (body: string): string => `${head('Transfer-Encoding: chunked')}${body}`;
const LAST = '0\r\n\r\n';

const chunks: Readonly<Record<string, string>> = {
  'no size': `\r\nok\r\n${LAST}`,
  'a size that is no digit': `g\r\nok\r\n${LAST}`,
  'a size with 0x': `0x2\r\nok\r\n${LAST}`,
  'a negative size': `-2\r\nok\r\n${LAST}`,
  'a size with a sign': `+2\r\nok\r\n${LAST}`,
  'a space before the size': ` 2\r\nok\r\n${LAST}`,
  'a space behind the size': `2 \r\nok\r\n${LAST}`,
  'two sizes': `2 2\r\nok\r\n${LAST}`,
  'a size of 17 digits': `00000000000000002\r\nok\r\n${LAST}`,
  'a size of 2^64': `10000000000000000\r\nok\r\n${LAST}`,
  'a size with a bare LF': `2\nok\r\n${LAST}`,
  'a size with a bare CR': `2\rok\r\n${LAST}`,
  'data longer than its size': `2\r\nokay\r\n${LAST}`,
  'data shorter than its size': `4\r\nok\r\n${LAST}`,
  'data behind which a bare LF stands': `2\r\nok\n${LAST}`,
  'data behind which nothing stands': `2\r\nok${LAST}`,
  'an extension with NUL': `2;a=\0\r\nok\r\n${LAST}`,
  'an extension with a bare LF': `2;a\nok\r\n${LAST}`,
  'an extension with a bare CR': `2;a\rb\r\nok\r\n${LAST}`,
  'an extension of 64 KB': `2;${'a'.repeat(65_536)}\r\nok\r\n${LAST}`,
  '64 KB of extensions': `${`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(700)}${LAST}`,
  'a last size with a bare LF': '2\r\nok\r\n0\n\r\n',
  'a trailer without a colon': '2\r\nok\r\n0\r\nX-A\r\n\r\n',
  'a trailer that is folded': '2\r\nok\r\n0\r\nX-A: b\r\n c\r\n\r\n',
  'a trailer with NUL': '2\r\nok\r\n0\r\nX-A: \0\r\n\r\n',
  'a trailer with a bare LF': '2\r\nok\r\n0\r\nX-A: b\n\r\n',
  'a trailer of 64 KB': `2\r\nok\r\n0\r\nX-A: ${'b'.repeat(65_536)}\r\n\r\n`,
  '64 KB of trailers': `2\r\nok\r\n0\r\n${'X-A: b\r\n'.repeat(8192)}\r\n`,
  'the next head in place of a size': `2\r\nok\r\n${FORGED}`,
  'the next head in place of a trailer': `2\r\nok\r\n0\r\n${FORGED}`,
};

const cuts: Readonly<Record<string, string>> = {
  'in a body with a length': `${head('Content-Length: 5')}ok`,
  'behind a head with a length': head('Content-Length: 5'),
  'behind a head with chunks': chunked(''),
  'in a size': chunked('1'),
  'in an extension': chunked('2;a'),
  'behind a size': chunked('2\r\n'),
  'in the data': chunked('4\r\nok'),
  'behind the data': chunked('2\r\nok'),
  'between chunks': chunked('2\r\nok\r\n'),
  'in the last size': chunked('2\r\nok\r\n0'),
  'before the trailers': chunked('2\r\nok\r\n0\r\n'),
  'in the trailers': chunked('2\r\nok\r\n0\r\nX-A: b\r\n'),
  'in the last line end': chunked('2\r\nok\r\n0\r\n\r'),
};

const headCuts: Readonly<Record<string, string>> = {
  'before any byte': '',
  'in the version': 'HTTP/1.',
  'in the status': 'HTTP/1.1 20',
  'in a field': 'HTTP/1.1 200 OK\r\nContent-Le',
  'before the empty line': `HTTP/1.1 200 OK\r\n${LENGTH}\r\n`,
  'in the empty line': `HTTP/1.1 200 OK\r\n${LENGTH}\r\n\r`,
  'behind an interim answer': 'HTTP/1.1 103 Early Hints\r\n\r\n',
};

const cut = (
  says: Readonly<Record<string, string>>,
  outcome: UpstreamCase['outcome'],
): readonly UpstreamCase[] =>
  (['ends', 'resets'] as const).flatMap((after) =>
    Object.entries(says).map(([name, text]) => ({ name: `it ${after} ${name}`, says: text, after, outcome })),
  );

const whole = { status: 200, body: 'ok' };
const empty = (status: number) => ({ status, body: '' });

export const bodies: readonly UpstreamCase[] = [
  ...Object.entries(chunks).map(
    ([name, text]): UpstreamCase => ({ name: `chunks: ${name}`, says: chunked(text), outcome: 'broken' }),
  ),
  ...cut(headCuts, 'upstream_closed'),
  ...cut(cuts, 'broken'),
  { name: 'it resets where the end ends the body', says: ok(), after: 'resets', outcome: 'broken' },
];

/** Sound answers after which the connection is not: each client gets its own. */
export const followed: readonly UpstreamCase[] = [
  { name: 'an end that ends the body', says: ok(), after: 'ends', outcome: whole },
  {
    name: 'an end that ends the body of HTTP/1.0',
    says: 'HTTP/1.0 200 OK\r\n\r\nok',
    after: 'ends',
    outcome: whole,
  },
  { name: 'Connection: close', says: ok(LENGTH, 'Connection: close'), outcome: whole },
  { name: 'Connection: close and more', says: `${ok(LENGTH, 'Connection: close')}${FORGED}`, outcome: whole },
  { name: 'another answer', says: `${ok(LENGTH)}${FORGED}`, outcome: whole },
  { name: 'another answer behind chunks', says: `${chunked(`2\r\nok\r\n${LAST}`)}${FORGED}`, outcome: whole },
  { name: 'a byte', says: `${ok(LENGTH)}x`, outcome: whole },
  { name: 'a line end', says: `${ok(LENGTH)}\r\n`, outcome: whole },
  { name: 'a body longer than its length', says: `${ok(LENGTH)}ay`, outcome: whole },
  { name: '204 with a body', says: `HTTP/1.1 204 No Content\r\n${LENGTH}\r\n\r\nok`, outcome: empty(204) },
  {
    name: '204 that announces a body',
    says: `HTTP/1.1 204 No Content\r\n${LENGTH}\r\n\r\n`,
    outcome: empty(204),
  },
  {
    name: '204 that announces chunks',
    says: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    outcome: empty(204),
  },
  { name: '204 and another answer', says: `HTTP/1.1 204 No Content\r\n\r\n${FORGED}`, outcome: empty(204) },
  { name: '304 with a body', says: `HTTP/1.1 304 Not Modified\r\n${LENGTH}\r\n\r\nok`, outcome: empty(304) },
  { name: 'HEAD with a body', says: ok(LENGTH), method: 'HEAD', outcome: empty(200) },
  { name: 'HEAD with chunks', says: chunked(`2\r\nok\r\n${LAST}`), method: 'HEAD', outcome: empty(200) },
  { name: 'HEAD and another answer', says: `${head(LENGTH)}${FORGED}`, method: 'HEAD', outcome: empty(200) },
  { name: 'another answer, later', says: ok(LENGTH), late: FORGED, outcome: whole },
  { name: 'a byte, later', says: ok(LENGTH), late: 'x', outcome: whole },
  {
    name: 'an interim answer, later',
    says: ok(LENGTH),
    late: 'HTTP/1.1 100 Continue\r\n\r\n',
    outcome: whole,
  },
  { name: 'half a status line, later', says: ok(LENGTH), late: 'HTTP/1.1 2', outcome: whole },
  { name: '1 MB, later', says: ok(LENGTH), late: 'x'.repeat(1_000_000), outcome: whole },
  { name: 'HEAD with a body, later', says: head(LENGTH), late: 'ok', method: 'HEAD', outcome: empty(200) },
  {
    name: 'HEAD and another answer, later',
    says: head(LENGTH),
    late: FORGED,
    method: 'HEAD',
    outcome: empty(200),
  },
  {
    name: '304 and another answer, later',
    says: `HTTP/1.1 304 Not Modified\r\n${LENGTH}\r\n\r\n`,
    late: FORGED,
    outcome: empty(304),
  },
];
