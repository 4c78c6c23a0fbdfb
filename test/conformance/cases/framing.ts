// Content-Length and Transfer-Encoding: everything that two servers could read in two ways is refused.
import { ANSWER, type Case, forwarded, HOST, refused, request } from '../case.ts';
import { MAX_BODY_BYTES } from '../gateways.ts';

const post = (...lines: string[]): string => request('POST /public/a', lines, 'hello');

const lengths: readonly (readonly [name: string, ...values: string[]])[] = [
  ['an empty Content-Length', ''],
  ['a Content-Length with a sign', '+5'],
  ['a negative Content-Length', '-5'],
  ['a hexadecimal Content-Length', '0x5'],
  ['a Content-Length with a space inside', '5 5'],
  ['a Content-Length with an underscore', '1_0'],
  ['a Content-Length of 30 digits', '1'.repeat(30)],
  ['a Content-Length of 2^64', '18446744073709551616'],
  ['a Content-Length of 0 with a sign', '-0'],
  ['a Content-Length with an exponent', '5e0'],
  ['a Content-Length with a parameter', '5;a'],
  ['a Content-Length in quotes', '"5"'],
  ['a Content-Length of other digits than ASCII', '\xef\xbc\x95'],
  ['a byte above 0x7F before a Content-Length', '\xa05'],
  ['a byte above 0x7F behind a Content-Length', '5\xa0'],
  ['a Content-Length behind a vertical tab', '\x0b5'],
  ['a Content-Length with a letter', '5a'],
  ['a Content-Length with a fraction', '5.0'],
  ['a Content-Length list', '5, 5'],
  ['two equal Content-Length fields', '5', '5'],
  ['two different Content-Length fields', '5', '6'],
];

const codings: readonly (readonly [name: string, ...values: string[]])[] = [
  ['Transfer-Encoding gzip', 'gzip'],
  ['Transfer-Encoding identity', 'identity'],
  ['Transfer-Encoding xchunked', 'xchunked'],
  ['an empty Transfer-Encoding', ''],
  ['Transfer-Encoding gzip, chunked', 'gzip, chunked'],
  ['Transfer-Encoding chunked, gzip', 'chunked, gzip'],
  ['Transfer-Encoding chunked, identity', 'chunked, identity'],
  ['two Transfer-Encoding fields, one identity', 'identity', 'chunked'],
  ['Transfer-Encoding with an empty element at its end', 'chunked,'],
  ['Transfer-Encoding chunked twice in a list', 'chunked, chunked'],
  ['two Transfer-Encoding fields', 'chunked', 'chunked'],
  ['Transfer-Encoding with a parameter', 'chunked;q=1'],
  ['Transfer-Encoding with an empty element', ', chunked'],
  ['Transfer-Encoding with quotes', '"chunked"'],
  ['Transfer-Encoding behind a vertical tab', '\x0bchunked'],
  ['a byte above 0x7F behind Transfer-Encoding chunked', 'chunked\xe9'],
  ['a byte above 0x7F before Transfer-Encoding chunked', '\xa0chunked'],
];

const chunkedBody = '5\r\nhello\r\n0\r\n\r\n';

export const framing: readonly Case[] = [
  ...lengths.map(
    ([name, ...values]): Case => ({
      name,
      clause: 'RFC 9112 6.3',
      send: post(...values.map((value) => `Content-Length: ${value}`)),
      expect: refused(400),
    }),
  ),
  ...codings.map(
    ([name, ...values]): Case => ({
      name,
      clause: 'RFC 9112 6.1',
      gateway: 'chunked',
      send: request(
        'POST /public/a',
        values.map((value) => `Transfer-Encoding: ${value}`),
        chunkedBody,
      ),
      expect: refused([400, 501]),
    }),
  ),
  {
    name: 'Content-Length before Transfer-Encoding',
    clause: 'RFC 9112 6.1',
    gateway: 'chunked',
    send: request('POST /public/a', ['Content-Length: 15', 'Transfer-Encoding: chunked'], chunkedBody),
    expect: refused(400),
  },
  {
    name: 'Transfer-Encoding before Content-Length',
    clause: 'RFC 9112 6.1',
    gateway: 'chunked',
    send: request('POST /public/a', ['Transfer-Encoding: chunked', 'Content-Length: 15'], chunkedBody),
    expect: refused(400),
  },
  {
    name: 'Content-Length 0 beside Transfer-Encoding',
    clause: 'RFC 9112 6.1',
    gateway: 'chunked',
    send: request('POST /public/a', ['Content-Length: 0', 'Transfer-Encoding: chunked'], chunkedBody),
    expect: refused(400),
  },
  {
    name: 'Content-Length beside Transfer-Encoding that is no coding',
    clause: 'RFC 9112 6.1',
    gateway: 'chunked',
    send: request('POST /public/a', ['Content-Length: 5', 'Transfer-Encoding: xchunked'], 'hello'),
    expect: refused(400),
  },
  {
    name: 'Transfer-Encoding on HTTP/1.0',
    clause: 'RFC 9112 6.1',
    gateway: 'chunked',
    send: `POST /public/a HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunkedBody}`,
    expect: refused(400),
  },
  {
    name: 'Transfer-Encoding and Content-Length on HTTP/1.0',
    clause: 'RFC 9112 6.1',
    gateway: 'chunked',
    send: `POST /public/a HTTP/1.0\r\n${HOST}Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedBody}`,
    expect: refused(400),
  },
  {
    name: 'a body with its length on HTTP/1.0',
    send: `POST /public/a HTTP/1.0\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
    expect: { ...forwarded('POST /public/a', { body: 'hello' }), closes: true },
  },
  {
    name: 'a body with its length',
    send: post('Content-Length: 5'),
    expect: forwarded('POST /public/a', { body: 'hello', fields: { 'content-length': '5' } }),
  },
  {
    name: 'a length with leading zeros is written anew',
    send: post('Content-Length: 005'),
    expect: forwarded('POST /public/a', { body: 'hello', fields: { 'content-length': '5' } }),
  },
  {
    name: 'HTAB before a length',
    send: post('Content-Length:\t5'),
    expect: forwarded('POST /public/a', { body: 'hello' }),
  },
  {
    name: 'a body in pieces',
    send: [request('POST /public/a', ['Content-Length: 5']), 'he', 'l', 'lo'],
    expect: forwarded('POST /public/a', { body: 'hello' }),
  },
  {
    name: 'POST with length 0',
    send: request('POST /public/a', ['Content-Length: 0']),
    expect: forwarded('POST /public/a', { body: '', fields: { 'content-length': '0' } }),
  },
  {
    name: 'POST without a body',
    send: request('POST /public/a'),
    expect: forwarded('POST /public/a', { body: '' }),
  },
  {
    name: 'GET with a body',
    send: request('GET /public/a', ['Content-Length: 5'], 'hello'),
    expect: forwarded('GET /public/a', { body: 'hello' }),
  },
  {
    name: 'HEAD with a body',
    send: request('HEAD /public/a', ['Content-Length: 5'], 'hello'),
    expect: forwarded('HEAD /public/a', { body: 'hello' }, { head: true, body: '' }),
  },
  {
    name: 'TRACE with a body',
    send: request('TRACE /public/a', ['Content-Length: 5'], 'hello'),
    expect: forwarded('TRACE /public/a', { body: 'hello' }),
  },
  {
    name: 'an empty line behind a body',
    clause: 'RFC 9112 2.2',
    send: [`${post('Content-Length: 5')}\r\n`],
    expect: forwarded('POST /public/a', { body: 'hello' }),
  },
  {
    name: 'a body of 200,000 bytes',
    send: request('PUT /public/a', ['Content-Length: 200000'], 'b'.repeat(200_000)),
    expect: forwarded('PUT /public/a', { body: 'b'.repeat(200_000) }),
  },
  {
    name: 'a body that looks like a request',
    send: request(
      'POST /public/a',
      ['Content-Length: 42'],
      'GET /admin HTTP/1.1\r\nHost: gateway.test\r\n\r',
    ),
    expect: forwarded('POST /public/a', { body: 'GET /admin HTTP/1.1\r\nHost: gateway.test\r\n\r' }),
  },
  {
    name: 'a body shorter than its length, then the end',
    send: request('POST /public/a', ['Content-Length: 10'], 'hello'),
    ends: true,
    expect: { answers: [{ status: 400 }], orClosed: true, closes: true, reaches: 'broken' },
  },
  {
    name: 'a body longer than its length',
    send: [request('GET /hello/a', ['Content-Length: 3'], 'abc'), ANSWER, 'de\r\n\r\n'],
    expect: {
      answers: [{ status: 200 }, { status: 400, code: 'malformed_request' }],
      closes: true,
      reaches: [],
    },
  },
  {
    name: 'a length over maxBodyBytes',
    clause: 'RFC 9110 15.5.14',
    send: request('POST /public/a', [`Content-Length: ${MAX_BODY_BYTES + 1}`]),
    expect: refused(413, 'body_too_large'),
  },
  {
    name: 'a length over the bound of the route',
    send: request('POST /small', ['Content-Length: 9'], 'too large'),
    expect: refused(413, 'body_too_large'),
  },
  {
    name: 'a length at the bound of the route',
    send: request('POST /small', ['Content-Length: 8'], 'in bound'),
    expect: forwarded('POST /small', { body: 'in bound' }),
  },
  {
    name: 'a length of 999,999,999 and no body',
    send: request('POST /public/a', ['Content-Length: 999999999']),
    expect: refused(413, 'body_too_large'),
  },
  {
    name: 'a length of 2^63 and no body',
    send: request('POST /public/a', ['Content-Length: 9223372036854775808']),
    expect: refused(413, 'body_too_large'),
  },
  {
    name: 'a length of 2^64 - 1 and no body',
    send: request('POST /public/a', ['Content-Length: 18446744073709551615']),
    expect: refused(413, 'body_too_large'),
  },
  {
    name: 'a chunked body where lengths are demanded',
    clause: 'RFC 9110 15.5.12',
    send: request('POST /public/a', ['Transfer-Encoding: chunked'], chunkedBody),
    expect: refused(411, 'length_required'),
  },
];
