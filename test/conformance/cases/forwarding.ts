// What the upstream learns: forwarding fields, identity, traces. What the client learns: the upstream's answer, re-framed.
import { type Case, type ExpectedAnswer, forwarded, request } from '../case.ts';
import { TOKEN } from '../gateways.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

const requests: readonly Case[] = [
  {
    name: 'forwarding fields of a client are replaced',
    send: request('GET /public/a', [
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil.test',
      'X-Forwarded-Port: 1',
      'Forwarded: for=1.2.3.4',
      'X-Real-IP: 1.2.3.4',
    ]),
    expect: forwarded('GET /public/a', {
      fields: {
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'gateway.test',
        'x-forwarded-port': null,
      },
    }),
  },
  {
    name: 'Via grows',
    clause: 'RFC 9110 7.6.3',
    send: request('GET /public/a', ['Via: 1.0 before']),
    expect: forwarded('GET /public/a', { fields: { via: '1.0 before & 1.1 ferrogate' } }),
  },
  {
    name: 'a trace goes on',
    send: request('GET /public/a', [`traceparent: 00-${TRACE}-b7ad6b7169203331-01`, 'tracestate: a=b']),
    expect: forwarded(
      'GET /public/a',
      { fields: { traceparent: new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`), tracestate: 'a=b' } },
      { fields: { 'x-trace-id': TRACE } },
    ),
  },
  {
    name: 'a malformed trace begins anew',
    send: request('GET /public/a', ['traceparent: 00-zz-zz-01', 'tracestate: a=b']),
    expect: forwarded('GET /public/a', {
      fields: { traceparent: /^00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d$/, tracestate: null },
    }),
  },
  {
    name: 'two traces begin anew',
    send: request('GET /public/a', [
      `traceparent: 00-${TRACE}-b7ad6b7169203331-01`,
      `traceparent: 00-${TRACE}-b7ad6b7169203332-01`,
    ]),
    expect: forwarded('GET /public/a', { fields: { traceparent: /^00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d$/ } }),
  },
  {
    name: 'identity comes from the token alone',
    send: request('GET /me', [
      `Authorization: Bearer ${TOKEN}`,
      'X-User-Id: root',
      'X_User_Id: root',
      'x-user_id: root',
      'X-Zone: outer',
      'X_Zone: outer',
      'X-Removed: 1',
    ]),
    expect: forwarded('GET /me', {
      fields: {
        'x-user-id': 'ada',
        x_user_id: null,
        'x-user_id': null,
        'x-zone': 'inner',
        x_zone: null,
        'x-removed': null,
      },
    }),
  },
  {
    name: 'Connection cannot take off identity',
    send: request('GET /me', [`Authorization: Bearer ${TOKEN}`, 'Connection: X-User-Id']),
    expect: forwarded('GET /me', { fields: { 'x-user-id': 'ada' } }),
  },
  {
    name: 'an unknown field is kept',
    send: request('GET /public/a', ['X-Custom: Keep Me', 'Accept: */*']),
    expect: forwarded('GET /public/a', { fields: { 'x-custom': 'Keep Me', accept: '*/*' } }),
  },
];

const good: readonly (readonly [name: string, answer: string, expected: Partial<ExpectedAnswer>])[] = [
  ['a chunked answer, its extension and trailer dropped', 'chunked', { fields: { 'x-late': null } }],
  ['an answer that ends with the connection', 'until-close', {}],
  ['204 from the upstream', 'no-content', { status: 204, body: '', fields: { 'content-length': null } }],
  ['304 from the upstream', 'not-modified', { status: 304, body: '', fields: { etag: '"a"' } }],
  ['interim answers of the upstream', 'interim', { fields: { link: null } }],
  [
    'fields for the next hop in the answer',
    'hop-by-hop',
    {
      fields: {
        'x-kept': '1',
        'x-named': null,
        'keep-alive': null,
        'proxy-authenticate': null,
        trailer: null,
        upgrade: null,
      },
    },
  ],
  [
    "fields of the answer that are the gateway's",
    'own',
    { fields: { 'x-kept': '1', 'x-trace-id': /^[0-9a-f]{32}$/, ratelimit: null } },
  ],
  ['bytes behind the answer', 'bytes-after', {}],
];

const bad: readonly (readonly [name: string, answer: string, code?: string])[] = [
  ['an answer framed twice', 'both-framings'],
  ['an answer with two lengths', 'two-lengths'],
  ['a bad status line', 'bad-status'],
  ['NUL in the answer', 'nul-value'],
  ['a continued line in the answer', 'folded'],
  ['101 that nobody asked for', 'switching'],
  ['an answer head of 70,000 bytes', 'long-head'],
  ['no answer', 'nothing', 'upstream_closed'],
];

const broken: readonly (readonly [name: string, answer: string])[] = [
  ['an answer cut short', 'short'],
  ['a chunked answer cut short', 'short-chunked'],
];

const asked = (answer: string, method = 'GET'): string => `${method} /public/a?answer=${answer}`;

export const forwarding: readonly Case[] = [
  ...requests,
  ...good.map(
    ([name, answer, expected]): Case => ({
      name,
      send: request(asked(answer)),
      expect: forwarded(asked(answer), {}, expected),
    }),
  ),
  ...bad.map(
    ([name, answer, code = 'upstream_protocol']): Case => ({
      name,
      send: request(asked(answer, 'POST'), ['Content-Length: 0']),
      expect: forwarded(asked(answer, 'POST'), {}, { status: 502, code, body: /./ }),
    }),
  ),
  ...broken.map(
    ([name, answer]): Case => ({
      name,
      send: request(asked(answer)),
      expect: { answers: [{ status: 200, broken: true }], closes: true, reaches: [{ line: asked(answer) }] },
    }),
  ),
];
