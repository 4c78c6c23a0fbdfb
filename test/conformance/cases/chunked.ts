// Chunked request bodies, where they are accepted: the grammar of RFC 9112 section 7.1 and nothing else.
import { type Case, type Expectation, forwarded, request } from '../case.ts';
import { MAX_BODY_BYTES } from '../gateways.ts';

const post = (body: string): string => request('POST /public/a', ['Transfer-Encoding: chunked'], body);
const hello = forwarded('POST /public/a', {
  body: 'hello',
  fields: {
    'transfer-encoding': 'chunked',
    'content-length': null,
    authorization: null,
    'x-user-id': null,
    'x-forwarded-for': '127.0.0.1',
  },
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
  ['a last chunk of 16 zeros', post('5\r\nhello\r\n0000000000000000\r\n\r\n')],
  ['a chunk extension', post('5;a=b\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension without a value', post('5;a\r\nhello\r\n0\r\n\r\n')],
  ['two chunk extensions, one in quotes', post('5;a=b;c="d e"\r\nhello\r\n0;f\r\n\r\n')],
  ['a trailer is dropped', post('5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n')],
  [
    'trailers that name framing and identity are dropped',
    post(
      '5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: other.test\r\nAuthorization: Bearer a\r\nX-User-Id: root\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n',
    ),
  ],
];

const bad: readonly (readonly [name: string, body: string])[] = [
  ['an empty chunk size', '\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size that is no number', 'g\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a negative chunk size', '-5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size of -1', '-1\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with an underscore', '1_0\r\n0123456789abcdef\r\n0\r\n\r\n'],
  ['a chunk size with a comma', '5,5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with a fraction', '5.0\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with a letter behind it', '5g\r\nhello\r\n0\r\n\r\n'],
  ['a byte above 0x7F behind a chunk size', '5\xa0\r\nhello\r\n0\r\n\r\n'],
  ['NUL behind a chunk size', '5\0\r\nhello\r\n0\r\n\r\n'],
  ['a last chunk of 17 zeros', '5\r\nhello\r\n00000000000000000\r\n\r\n'],
  ['a chunk size of 17 digits', 'FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n'],
  ['a space behind a chunk size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['a space before a chunk size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['chunk data longer than its size', '5\r\nhelloXX0\r\n\r\n'],
  ['chunk data shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
  ['chunk data without its line end', '5\r\nhello0\r\n\r\n'],
  ['bare CR behind a chunk size', '5\rhello\r\n0\r\n\r\n'],
  ['bare CR behind chunk data', '5\r\nhello\r0\r\n\r\n'],
  ['LF and CR behind chunk data', '5\r\nhello\n\r0\r\n\r\n'],
  ['bare LF everywhere in a chunked body', '5\nhello\n0\n\n'],
  ['bare LF behind a chunk size', '5\nhello\r\n0\r\n\r\n'],
  ['bare LF behind chunk data', '5\r\nhello\n0\r\n\r\n'],
  ['bare LF in a chunk extension', '5;a\nhello\r\n0\r\n\r\n'],
  ['bare CR in a chunk extension', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
  ['NUL in a chunk extension', '5;a\0b\r\nhello\r\n0\r\n\r\n'],
  ['an escape character in a chunk extension', '5;a\x1b\r\nhello\r\n0\r\n\r\n'],
  ['a chunk extension of 64 KB', `5;a=${'b'.repeat(65_536)}\r\nhello\r\n0\r\n\r\n`],
  ['a last chunk with an extension of 64 KB', `5\r\nhello\r\n0;a=${'b'.repeat(65_536)}\r\n\r\n`],
  ['text behind the last chunk', '5\r\nhello\r\n0\r\ntext\r\n\r\n'],
  ['a trailer with a space before its colon', '5\r\nhello\r\n0\r\nX-A : b\r\n\r\n'],
  ['a trailer without a name', '5\r\nhello\r\n0\r\n: b\r\n\r\n'],
  ['a continued trailer', '5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n'],
  ['NUL in a trailer', '5\r\nhello\r\n0\r\nX-A: b\0\r\n\r\n'],
  ['bare LF behind a trailer', '5\r\nhello\r\n0\r\nX-A: b\n\r\n'],
  ['bare LF behind the last chunk', '5\r\nhello\r\n0\n\n'],
  ['trailers of 64 KB', `5\r\nhello\r\n0\r\nX-A: ${'b'.repeat(65_536)}\r\n\r\n`],
];

/** 42 bytes. */
const inner = 'GET /admin HTTP/1.1\r\nHost: gateway.test\r\n\r';

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
    name: 'text behind the end of a chunked body',
    clause: 'RFC 9112 9.3',
    gateway: 'chunked',
    send: post('5\r\nhello\r\n0\r\n\r\ntext\r\n\r\n'),
    expect: {
      answers: [{ status: 200 }, { status: 400, code: 'malformed_request' }],
      closes: true,
      reaches: [{ line: 'POST /public/a', body: 'hello' }],
    },
  },
  {
    name: 'a request behind the end of a chunked body',
    clause: 'RFC 9112 9.3.2',
    gateway: 'chunked',
    send: post('5\r\nhello\r\n0\r\n\r\n') + request('GET /public/b'),
    expect: {
      answers: [{ status: 200 }, { status: 200 }],
      closes: false,
      reaches: [{ line: 'POST /public/a', body: 'hello' }, { line: 'GET /public/b' }],
    },
  },
  {
    name: 'a request inside a chunk',
    gateway: 'chunked',
    send: post(`2a\r\n${inner}\r\n0\r\n\r\n`),
    expect: forwarded('POST /public/a', { body: inner }),
  },
  ...(['/nowhere', '/admin'] as const).map(
    (path): Case => ({
      name: `a chunked body for ${path} that does not end`,
      clause: 'RFC 9112 9.6',
      gateway: 'chunked',
      send: request(`POST ${path}`, ['Transfer-Encoding: chunked'], '5\r\nhello\r\n'),
      expect: { answers: [{ status: [401, 404] }], closes: true, reaches: [] },
    }),
  ),
  {
    name: 'a chunked GET without content',
    gateway: 'chunked',
    send: request('GET /public/a', ['Transfer-Encoding: chunked'], '0\r\n\r\n'),
    expect: forwarded('GET /public/a', { body: '' }),
  },
];
