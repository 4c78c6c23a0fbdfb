// The connection: keep-alive, pipelining, Connection and its options, Expect, Upgrade, and answers before the body was read.
import { ANSWER, type Case, denied, forwarded, refused, request } from '../case.ts';

const nominations = [
  'Host',
  'hOsT',
  'Content-Length',
  'Transfer-Encoding',
  'Authorization',
  'Cookie',
  'Content-Type',
  'Origin',
  'close, Host',
  'keep-alive , \t authorization',
  ',, Content-Length ,',
];

const options: readonly Case[] = [
  ...nominations.map(
    (name): Case => ({
      name: `Connection that names ${name}`,
      clause: 'RFC 9110 7.6.1',
      send: request('GET /public/a', [`Connection: ${name}`]),
      expect: refused(400),
    }),
  ),
  {
    name: 'two Connection fields of which the second names Authorization',
    clause: 'RFC 9110 7.6.1',
    send: request('GET /public/a', ['Connection: keep-alive', 'Connection: Authorization']),
    expect: refused(400),
  },
  {
    name: 'Connection with 33 options',
    send: request('GET /public/a', [`Connection: ${Array.from({ length: 33 }, (_, at) => `a${at}`).join()}`]),
    expect: refused(400),
  },
  {
    name: 'Connection with quotes',
    send: request('GET /public/a', ['Connection: "close"']),
    expect: refused(400),
  },
  {
    name: 'a byte above 0x7F behind Connection: close',
    clause: 'RFC 9110 5.5',
    send: request('GET /public/a', ['Connection: close\xe9']),
    expect: refused(400),
  },
  {
    name: 'Connection that is no list of tokens',
    send: request('GET /public/a', ['Connection: a b']),
    expect: refused(400),
  },
  {
    name: 'Connection: close',
    send: request('GET /public/a', ['Connection: close']),
    expect: { ...forwarded('GET /public/a', {}, { fields: { connection: /close/i } }), closes: true },
  },
  {
    name: 'Connection: close for a handler',
    send: request('GET /hello/a', ['Connection: close']),
    expect: { answers: [{ status: 200, fields: { connection: /close/i } }], closes: true, reaches: [] },
  },
  {
    name: 'Connection: keep-alive',
    send: request('GET /public/a', ['Connection: keep-alive', 'Keep-Alive: timeout=5']),
    expect: forwarded('GET /public/a'),
  },
  {
    name: 'a field that Connection names',
    send: request('GET /public/a', ['Connection: X-A, x-b', 'X-A: 1', 'X-B: 2', 'X-C: 3']),
    expect: forwarded('GET /public/a', { fields: { 'x-a': null, 'x-b': null, 'x-c': '3' } }),
  },
  {
    name: 'Connection cannot take off what the gateway adds',
    send: request('GET /public/a', ['Connection: X-Forwarded-For, Via, traceparent']),
    expect: forwarded('GET /public/a', { fields: { 'x-forwarded-for': '127.0.0.1', via: '1.1 ferrogate' } }),
  },
  {
    name: 'fields for the next hop only',
    clause: 'RFC 9110 7.6.1',
    send: request('GET /public/a', [
      'TE: trailers',
      'Trailer: X-A',
      'Proxy-Connection: close',
      'Proxy-Authorization: Basic YQ==',
      'Proxy-Authenticate: Basic',
    ]),
    expect: forwarded('GET /public/a'),
  },
];

const pipelines: readonly Case[] = [
  {
    name: 'two requests for a handler in one segment',
    clause: 'RFC 9112 9.3.2',
    send: request('GET /hello/a') + request('GET /hello/b'),
    expect: {
      answers: [
        { status: 200, body: '{"hello":"a"}' },
        { status: 200, body: '{"hello":"b"}' },
      ],
      closes: false,
      reaches: [],
    },
  },
  {
    name: 'two requests for the upstream in one segment',
    clause: 'RFC 9112 9.3.2',
    send: request('GET /public/a') + request('GET /public/b'),
    expect: {
      answers: [{ status: 200 }, { status: 200 }],
      closes: false,
      reaches: [{ line: 'GET /public/a' }, { line: 'GET /public/b' }],
    },
  },
  {
    name: 'a request behind a body in one segment',
    send: request('POST /nowhere', ['Content-Length: 5'], 'hello') + request('GET /hello/a'),
    expect: {
      answers: [{ status: 404, code: 'route_not_found' }, { status: 200 }],
      closes: false,
      reaches: [],
    },
  },
  {
    name: 'a request behind a refused one in one segment',
    send: request('GET /public/%zz') + request('GET /public/b'),
    expect: refused(400),
  },
  {
    name: 'a refused request behind one that waits for its answer',
    clause: 'RFC 9112 9.3.2',
    send: request('GET /public/a') + request('GET /public/%zz') + request('GET /public/b'),
    expect: {
      answers: [{ status: 200 }, { status: 400, code: 'malformed_request' }],
      closes: true,
      reaches: [{ line: 'GET /public/a' }],
    },
  },
  {
    name: 'a request without a token behind one that waits for its answer',
    clause: 'RFC 9112 9.3.2',
    send: request('GET /public/a') + request('GET /admin') + request('GET /hello/a'),
    expect: {
      answers: [{ status: 200 }, { status: 401, code: 'token_missing' }, { status: 200 }],
      closes: false,
      reaches: [{ line: 'GET /public/a' }],
    },
  },
  {
    name: 'a request behind a body that waits for its answer',
    clause: 'RFC 9112 9.3.2',
    send: request('POST /public/a', ['Content-Length: 5'], 'hello') + request('GET /public/b'),
    expect: {
      answers: [{ status: 200 }, { status: 200 }],
      closes: false,
      reaches: [{ line: 'POST /public/a', body: 'hello' }, { line: 'GET /public/b' }],
    },
  },
  {
    name: 'a request behind Connection: close',
    clause: 'RFC 9112 9.6',
    send: request('GET /hello/a', ['Connection: close']) + request('GET /public/b'),
    expect: { answers: [{ status: 200 }], closes: true, reaches: [] },
  },
  {
    name: 'three requests one after the other',
    send: [request('GET /public/a'), ANSWER, request('POST /public/b', ['Content-Length: 1'], 'b')],
    expect: {
      answers: [{ status: 200 }, { status: 200 }],
      closes: false,
      reaches: [{ line: 'GET /public/a' }, { line: 'POST /public/b', body: 'b' }],
    },
  },
  {
    name: 'a request in pieces of 7 bytes',
    send: request('GET /public/a', ['X-A: b']).match(/.{1,7}/gs) ?? [],
    expect: forwarded('GET /public/a', { fields: { 'x-a': 'b' } }),
  },
  {
    name: 'a client that ends its side after the request',
    clause: 'RFC 9112 9.6',
    send: request('GET /public/a'),
    ends: true,
    expect: { ...forwarded('GET /public/a'), closes: true },
  },
];

const expectations: readonly Case[] = [
  {
    name: 'Expect: 100-continue',
    clause: 'RFC 9110 10.1.1',
    send: [request('POST /public/a', ['Expect: 100-continue', 'Content-Length: 5']), ANSWER, 'hello'],
    expect: forwarded('POST /public/a', { body: 'hello' }),
  },
  {
    name: 'Expect: 100-continue with the body behind it',
    send: request('POST /public/a', ['Expect: 100-continue', 'Content-Length: 5'], 'hello'),
    expect: forwarded('POST /public/a', { body: 'hello' }),
  },
  {
    name: 'Expect: 100-continue before a refusal',
    clause: 'RFC 9110 10.1.1',
    send: request('POST /small', ['Expect: 100-continue', 'Content-Length: 9']),
    expect: { answers: [{ status: 413, code: 'body_too_large', first: true }], closes: true, reaches: [] },
  },
  {
    name: 'Expect: 100-continue without a body',
    clause: 'RFC 9110 10.1.1',
    send: request('GET /public/a', ['Expect: 100-continue']),
    expect: forwarded('GET /public/a', {}, { first: true }),
  },
  {
    name: 'another expectation',
    clause: 'RFC 9110 15.5.18',
    send: request('POST /public/a', ['Expect: 200-ok', 'Content-Length: 5'], 'hello'),
    expect: refused(417),
  },
];

const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

const upgrades: readonly Case[] = [
  {
    name: 'an upgrade to WebSocket is not asked for upstream',
    clause: 'RFC 9110 7.8',
    send: request('GET /public/a', upgrade),
    expect: forwarded('GET /public/a', { fields: { upgrade: null } }),
  },
  {
    name: 'an upgrade to h2c',
    send: request('GET /public/a', [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    ]),
    expect: forwarded('GET /public/a'),
  },
  {
    name: 'an upgrade to a protocol that nobody knows',
    clause: 'RFC 9110 7.8',
    send: request('GET /public/a', ['Connection: Upgrade', 'Upgrade: any/1.0']),
    expect: forwarded('GET /public/a', { fields: { upgrade: null } }),
  },
  {
    name: 'an upgrade that Connection does not name',
    clause: 'RFC 9110 7.8',
    send: request('GET /public/a', ['Upgrade: websocket']),
    expect: forwarded('GET /public/a', { fields: { upgrade: null } }),
  },
  {
    name: 'an upgrade to WebSocket by POST',
    clause: 'RFC 6455 4.2.1',
    send: request('POST /public/a', [...upgrade, 'Content-Length: 5'], 'hello'),
    expect: forwarded('POST /public/a', { body: 'hello', fields: { upgrade: null } }),
  },
  {
    name: 'a request behind an upgrade that nobody granted',
    clause: 'RFC 9110 7.8',
    send: request('GET /public/a', upgrade) + request('GET /admin'),
    expect: {
      answers: [{ status: 200 }, { status: 401, code: 'token_missing' }],
      closes: false,
      reaches: [{ line: 'GET /public/a' }],
    },
  },
  {
    name: 'an upgrade that was not asked for upstream, granted there',
    clause: 'RFC 9110 15.2.2',
    send: request('POST /public/a?answer=switching', [...upgrade, 'Content-Length: 0']),
    expect: forwarded(
      'POST /public/a?answer=switching',
      { fields: { upgrade: null } },
      { status: 502, code: 'upstream_protocol', body: /./ },
    ),
  },
  {
    name: 'an upgrade with a body',
    send: request('POST /public/a', ['Connection: Upgrade', 'Upgrade: any', 'Content-Length: 5'], 'hello'),
    expect: forwarded('POST /public/a', { body: 'hello' }),
  },
];

const early: readonly Case[] = [
  {
    name: 'a small body that nobody reads',
    send: request('POST /ignore', ['Content-Length: 5'], 'hello'),
    expect: { answers: [{ status: 200, body: 'not read' }], closes: false, reaches: [] },
  },
  {
    name: 'a large body that the handler does not read',
    clause: 'RFC 9112 9.6',
    send: request('POST /ignore', ['Content-Length: 5000000'], 'hello'),
    expect: { answers: [{ status: 200, body: 'not read' }], closes: true, reaches: [] },
  },
  {
    name: 'a large body for no route',
    clause: 'RFC 9112 9.6',
    send: request('POST /nowhere', ['Content-Length: 200000'], 'hello'),
    expect: { answers: [{ status: 404, code: 'route_not_found' }], closes: true, reaches: [] },
  },
  {
    name: 'a large body without a token',
    clause: 'RFC 9112 9.6',
    send: request('POST /admin', ['Content-Length: 200000'], 'hello'),
    expect: { answers: [{ status: 401, code: 'token_missing' }], closes: true, reaches: [] },
  },
  {
    name: 'a large body for a method that the route does not take',
    clause: 'RFC 9112 9.6',
    send: request('POST /orders/1', ['Content-Length: 200000'], 'hello'),
    expect: { answers: [{ status: 405, code: 'method_not_allowed' }], closes: true, reaches: [] },
  },
  {
    name: 'a large body for a path in doubt',
    clause: 'RFC 9112 9.6',
    send: request('POST /public//a', ['Content-Length: 200000'], 'hello'),
    expect: { answers: [{ status: 400, code: 'ambiguous_path' }], closes: true, reaches: [] },
  },
  {
    name: 'an upstream that answers before the body is there',
    send: request('POST /public/a?answer=early', ['Content-Length: 200000'], 'hello'),
    expect: {
      answers: [{ status: 403, body: 'origin' }],
      closes: true,
      reaches: [{ line: 'POST /public/a?answer=early', broken: true }],
    },
  },
  {
    name: 'a small body without a token',
    send: request('POST /admin', ['Content-Length: 5'], 'hello'),
    expect: denied(401, 'token_missing', { 'www-authenticate': 'Bearer realm="ferrogate"' }),
  },
];

export const connection: readonly Case[] = [...options, ...pipelines, ...expectations, ...upgrades, ...early];
