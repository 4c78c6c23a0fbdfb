// Chunked request bodies, where they are accepted: the grammar of RFC 9112 section 7.1 and nothing else.
import { type Case, type Expectation, forwarded, request } from '../case.ts';
import { MAX_BODY_BYTES } from '../gateways.ts';

const post = (body: string): string => request('POST /public/a', ['Transfer-Encoding: chunked'], body);
const hello = forwarded('POST /public/a', {
  body: 'hello',
  fields: { 'transfer-encoding': 'chunked', 'content-length': null },
});

const good: readonly (readonly [name: string, send: string | readonly string[]])[] = [
  ['a chunked body', post('5\r\nhello\r\n0\r\n\r\n')],
  ['a chunked body of two chunks', post('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n')],
  [
    'chunked in capitals',
    request('POST /public/a', ['Transfer-Encoding: CHUNKED'], '5\r\nhello\r\n0\r\n\r\n'),
  ],
  ['a chunk size with leading zeros', post('0005\r\nhello\r\n0\r\n\r\n')],
  ['a chunked body in pieces', [post(''), '5\r', '\nhel', 'lo\r\n0', '\r\n\r\n']],
  ['a chunk extension', post('5;a=b\r\nhello\r\n0\r\n\r\n')],
  ['a trailer is dropped', post('5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n')],
  [
    'trailers that name framing and identity are dropped',
    post('5\r\nhello\r\n0\r\nContent-Length: 9\r\nAuthorization: Bearer a\r\n\r\n'),
  ],
];

const bad: readonly (readonly [name: string, body: string])[] = [
  ['an empty chunk size', '\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size that is no number', 'g\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a negative chunk size', '-5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size of 17 digits', 'FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n'],
  ['a space behind a chunk size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['a space before a chunk size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['chunk data longer than its size', '5\r\nhelloXX0\r\n\r\n'],
  ['bare LF behind a chunk size', '5\nhello\r\n0\r\n\r\n'],
  ['bare LF behind chunk data', '5\r\nhello\n0\r\n\r\n'],
  ['bare LF in a chunk extension', '5;a\nhello\r\n0\r\n\r\n'],
];

/** The head may have gone upstream; the body must not be taken for whole there. */
const broken: Expectation = {
  answers: [{ status: 400 }],
  orClosed: true,
  closes: true,
  reaches: 'broken',
};

export const chunked: readonly Case[] = [
  ...good.map(
    ([name, send]): Case => ({ name, clause: 'RFC 9112 7.1', gateway: 'chunked', send, expect: hello }),
  ),
  ...bad.map(
    ([name, body]): Case => ({
      name,
      clause: 'RFC 9112 7.1',
      gateway: 'chunked',
      send: post(body),
      expect: broken,
    }),
  ),
  {
    name: 'a chunked body that ends too early',
    gateway: 'chunked',
    send: post('5\r\nhel'),
    ends: true,
    expect: broken,
  },
  {
    name: 'a chunked body over maxBodyBytes',
    gateway: 'chunked',
    send: post(`${MAX_BODY_BYTES.toString(16)}\r\n${'b'.repeat(MAX_BODY_BYTES)}\r\n1\r\nb\r\n`),
    expect: { answers: [{ status: 413, code: 'body_too_large' }], closes: true, reaches: 'broken' },
  },
  {
    name: 'a chunked GET without content',
    gateway: 'chunked',
    send: request('GET /public/a', ['Transfer-Encoding: chunked'], '0\r\n\r\n'),
    expect: forwarded('GET /public/a', { body: '' }),
  },
];
