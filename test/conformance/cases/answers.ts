// Answers made here: routing, methods, CORS, limits, handlers, and the two forms of errors.
import { ANSWER, answered, type Case, denied, forwarded, refused, request } from '../case.ts';
import { KEY } from '../gateways.ts';

const preflight = ['Origin: https://app.test', 'Access-Control-Request-Method: PUT'];
const allow = 'GET, HEAD, PUT, OPTIONS';

const routing: readonly Case[] = [
  { name: 'no route', send: request('GET /nowhere'), expect: denied(404, 'route_not_found') },
  {
    name: 'no route for HEAD',
    send: request('HEAD /nowhere'),
    expect: answered({ status: 404, code: 'route_not_found', head: true }),
  },
  {
    name: 'a method that the route does not take',
    clause: 'RFC 9110 15.5.6',
    send: request('DELETE /orders/1'),
    expect: denied(405, 'method_not_allowed', { allow }),
  },
  {
    name: 'OPTIONS of a route',
    clause: 'RFC 9110 9.3.7',
    send: request('OPTIONS /orders/1'),
    expect: answered({ status: 204, fields: { allow } }),
  },
  {
    name: 'HEAD of a GET route goes upstream as HEAD',
    clause: 'RFC 9110 9.3.2',
    send: request('HEAD /orders/1'),
    expect: forwarded('HEAD /orders/1', {}, { head: true, body: '', fields: { 'content-length': '6' } }),
  },
  {
    name: 'HEAD of a handler',
    clause: 'RFC 9110 9.3.2',
    send: request('HEAD /hello/a'),
    expect: answered({ status: 200, head: true, fields: { 'content-length': '13' } }),
  },
  {
    name: 'a preflight',
    send: request('OPTIONS /shared', preflight),
    expect: answered({
      status: 204,
      fields: {
        'access-control-allow-origin': 'https://app.test',
        'access-control-allow-methods': 'PUT',
        vary: /Origin/,
      },
    }),
  },
  {
    name: 'a preflight of another origin',
    send: request('OPTIONS /shared', ['Origin: https://evil.test', 'Access-Control-Request-Method: PUT']),
    expect: answered({ status: 204, fields: { 'access-control-allow-origin': null } }),
  },
  {
    name: 'a request of an allowed origin',
    send: request('PUT /shared', ['Origin: https://app.test', 'Content-Length: 0']),
    expect: forwarded(
      'PUT /shared',
      {},
      { fields: { 'access-control-allow-origin': 'https://app.test', vary: /Origin/ } },
    ),
  },
  {
    name: 'no token',
    clause: 'RFC 6750 3',
    send: request('GET /me'),
    expect: denied(401, 'token_missing', { 'www-authenticate': 'Bearer realm="ferrogate"' }),
  },
  {
    name: 'a token that is none',
    clause: 'RFC 6750 3',
    send: request('GET /me', ['Authorization: Bearer a.b.c']),
    expect: denied(401, 'token_invalid', {
      'www-authenticate': /^Bearer realm="ferrogate", error="invalid_token"/,
    }),
  },
  {
    name: 'a second request over a limit of one',
    clause: 'RFC 6585 4',
    send: [
      request('GET /limited', [`X-Limit-Key: ${KEY}`]),
      ANSWER,
      request('GET /limited', [`X-Limit-Key: ${KEY}`]),
    ],
    expect: {
      answers: [
        { status: 200, fields: { ratelimit: /^"once";r=0;t=\d+$/ } },
        {
          status: 429,
          code: 'rate_limited',
          fields: { 'retry-after': /^[1-9]\d*$/, 'ratelimit-policy': '"once";q=1;w=3600' },
        },
      ],
      closes: false,
      reaches: [{ line: 'GET /limited' }],
    },
  },
];

const handlers: readonly Case[] = [
  {
    name: 'a handler',
    send: request('GET /hello/a%20b'),
    expect: answered({
      status: 200,
      body: '{"hello":"a b"}',
      fields: { 'content-type': 'application/json' },
    }),
  },
  {
    name: 'a handler that returns nothing',
    send: request('GET /nothing'),
    expect: answered({ status: 204, body: '' }),
  },
  {
    name: 'a handler that streams',
    send: request('GET /stream'),
    expect: answered({ status: 200, body: 'streamed', fields: { 'transfer-encoding': 'chunked' } }),
  },
  {
    name: 'a handler that reads',
    send: [request('POST /read', ['Content-Length: 10']), '01234', '56789'],
    expect: answered({ status: 200, body: '10' }),
  },
  {
    name: 'a handler that throws',
    send: request('GET /throw'),
    expect: answered({ status: 500, code: 'internal_error', body: /^(?!.*secret)/s }),
  },
  {
    name: 'a handler cannot begin a second header line',
    send: request('GET /split'),
    expect: answered({ status: 200, body: '9 of 9 refused' }),
  },
  {
    name: 'a Response of a handler',
    send: request('GET /split-response'),
    expect: answered({ status: 200, body: 'split', fields: { 'x-text': 'a\tb', 'x-next': 'c' } }),
  },
  {
    name: 'a body over the bound of a handler',
    send: request('POST /read', ['Content-Length: 262145']),
    expect: refused(413, 'body_too_large'),
  },
];

const envelope: readonly Case[] = [
  { name: 'envelope: no route', send: request('GET /nowhere'), expect: denied(404, 'route_not_found') },
  {
    name: 'envelope: a method that the route does not take',
    send: request('DELETE /orders/1'),
    expect: denied(405, 'method_not_allowed', { allow }),
  },
  { name: 'envelope: no token', send: request('GET /me'), expect: denied(401, 'token_missing') },
  { name: 'envelope: a malformed target', send: request('GET /public/%zz'), expect: refused(400) },
  {
    name: 'envelope: a length over the bound',
    send: request('POST /small', ['Content-Length: 9'], 'too large'),
    expect: refused(413, 'body_too_large'),
  },
  {
    name: 'envelope: a chunked body',
    send: request('POST /public/a', ['Transfer-Encoding: chunked'], '0\r\n\r\n'),
    expect: refused(411, 'length_required'),
  },
  {
    name: 'envelope: a handler that throws',
    send: request('GET /throw'),
    expect: answered({ status: 500, code: 'internal_error', body: /^(?!.*secret)/s }),
  },
  {
    name: 'envelope: no answer from the upstream',
    send: request('POST /public/a?answer=nothing', ['Content-Length: 0']),
    expect: forwarded(
      'POST /public/a?answer=nothing',
      {},
      { status: 502, code: 'upstream_closed', body: /./ },
    ),
  },
];

export const answers: readonly Case[] = [
  ...routing,
  ...handlers,
  ...envelope.map((test): Case => ({ ...test, gateway: 'envelope' })),
];
