// What a handler gets of a request.
import { describe, expect, it } from 'vitest';
import type { Handler, HandlerContext } from '../../src/index.ts';
import { startGateway } from '../support/gateway.ts';
import { startIssuer } from '../support/issuer.ts';
import { RawClient, rawRequest, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';

async function ask(handler: Handler, request: string, path = '/a/:b/*rest'): Promise<string> {
  const { port } = await startGateway({ listen: { chunkedRequests: 'accept' } }, (gateway) =>
    gateway.all(path, { allowEncoded: ['%2f'] }, handler),
  );
  return (await rawRequest(port, request)).body.toString();
}

const facts: readonly [
  what: string,
  read: (context: HandlerContext) => unknown,
  request: string,
  value: unknown,
][] = [
  ['method', (c) => c.method, requestText('PURGE', '/a/b/c'), 'PURGE'],
  ['the canonical path', (c) => c.path, requestText('GET', '/a/x/../%62/%7Ec?q'), '/a/b/~c'],
  [
    'params decoded once',
    (c) => c.params,
    requestText('GET', '/a/%2562%20x/c/d%2Fe'),
    { b: '%62 x', rest: 'c/d/e' },
  ],
  ['params of other scripts', (c) => c.params, requestText('GET', '/a/%E2%82%AC/'), { b: '€', rest: '' }],
  [
    'query',
    (c) => [...c.query],
    requestText('GET', '/a/b/?x=1&x=%C3%BC&y'),
    [
      ['x', '1'],
      ['x', 'ü'],
      ['y', ''],
    ],
  ],
  ['no query', (c) => [...c.query], requestText('GET', '/a/b/'), []],
  ['headers', (c) => c.headers.get('X-One'), requestText('GET', '/a/b/', ['x-one: 1', 'X-ONE: 2']), '1, 2'],
  ['a missing header', (c) => c.headers.get('x-none'), requestText('GET', '/a/b/'), null],
  ['claims without jwt', (c) => c.claims, requestText('GET', '/a/b/'), null],
  ['ip', (c) => c.ip, requestText('GET', '/a/b/', ['X-Forwarded-For: 9.9.9.9']), '127.0.0.1'],
  ['the id of the route', (c) => c.route, requestText('GET', '/a/b/'), '* /a/:b/*rest'],
];

describe('a handler reads', () => {
  it.each(facts)('%s', async (_, read, request, value) => {
    const seen = await ask((context) => JSON.stringify([read(context)]), request);
    expect(JSON.parse(seen)).toEqual([value]);
  });

  it('the trace id of the answer, which is that of traceparent', async () => {
    const { port } = await startGateway({}, (gateway) => gateway.get('/', ({ traceId }) => traceId));
    const id = '0af7651916cd43dd8448eb211c80319c';
    const lines = [`traceparent: 00-${id}-b7ad6b7169203331-01`];
    const kept = await rawRequest(port, requestText('GET', '/', lines));
    expect([kept.body.toString(), kept.header('x-trace-id')]).toEqual([id, id]);
    const made = await rawRequest(port, requestText('GET', '/'));
    expect(made.body.toString()).toMatch(/^[0-9a-f]{32}$/);
    expect(made.header('x-trace-id')).toBe(made.body.toString());
  });

  it('verified claims', async () => {
    const issuer = await startIssuer();
    const config = { issuers: { main: { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl } } };
    const { gateway, url } = await startGateway(config, (made) => {
      made.get('/', { jwt: 'main' }, ({ claims }) => ({ sub: claims?.['sub'], deep: claims?.['deep'] }));
    });
    await until('keys', () => gateway.ready().ready);
    const authorization = `Bearer ${issuer.token({ sub: 'bob', deep: { a: [1] } })}`;
    const response = await fetch(url, { headers: { authorization } });
    expect(await response.json()).toEqual({ sub: 'bob', deep: { a: [1] } });
  });

  it('everything also late, after it waited', async () => {
    const seen = await ask(
      async (context) => {
        await new Promise((resolve) => setImmediate(resolve));
        return `${context.method} ${context.path} ${context.params} ${context.query.get('q')}`.replace(
          '[object Object]',
          'p',
        );
      },
      requestText('GET', '/a/b/c?q=1'),
    );
    expect(seen).toBe('GET /a/b/c p 1');
  });
});

describe('the body of a request', () => {
  const long = 'läng '.repeat(60_000);
  const post = (body: string): string =>
    requestText(
      'POST',
      '/a/b/',
      [`Content-Length: ${Buffer.byteLength(body)}`],
      Buffer.from(body).toString('latin1'),
    );

  it('as text', async () => {
    expect(await ask(({ body }) => body.text(), post('grüße'))).toBe('grüße');
  });

  it('as bytes, over many pieces', async () => {
    const seen = await ask(async ({ body }) => String((await body.bytes()).length), post(long));
    expect(seen).toBe(String(Buffer.byteLength(long)));
  });

  it('as JSON, and 400 when it is none', async () => {
    expect(await ask(async ({ body }) => typeof (await body.json<{ a: number }>()).a, post('{"a":1}'))).toBe(
      'number',
    );
    const { port } = await startGateway({}, (gateway) => gateway.post('/', ({ body }) => body.json()));
    const answer = await rawRequest(port, requestText('POST', '/', ['Content-Length: 3'], '{a}'));
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 400, code: 'ERR_FG_BAD_JSON' });
  });

  it('as a stream that goes back out again', async () => {
    expect(await ask(({ body }) => body.stream(), post(long))).toBe(long);
  });

  it('chunked, where the listener allows it', async () => {
    const chunked = requestText(
      'POST',
      '/a/b/',
      ['Transfer-Encoding: chunked'],
      '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    );
    expect(await ask(({ body }) => body.text(), chunked)).toBe('abcde');
  });

  it('empty where there is none', async () => {
    expect(await ask(async ({ body }) => `<${await body.text()}>`, requestText('GET', '/a/b/'))).toBe('<>');
  });

  it('held back by a handler that does not read: the client is stopped, then all arrives', async () => {
    const start = gate();
    const { port } = await startGateway({ listen: { maxBodyBytes: '64mb' } }, (gateway) => {
      gateway.post('/', async ({ body }) => {
        await start.opened;
        return String((await body.bytes()).length);
      });
    });
    const client = await RawClient.connect(port);
    const size = 32 * 1024 * 1024;
    client.send(requestText('POST', '/', [`Content-Length: ${size}`]));
    client.send(new Uint8Array(size));
    await until('the client to be stopped', () => client.socket.writableLength > 0 && isStill(client));
    start.open();
    expect((await client.answer()).body.toString()).toBe(String(size));
  });

  it('left unread: the connection goes on with the next request', async () => {
    const { port } = await startGateway({}, (gateway) =>
      gateway.post('/', () => 'not read').get('/', () => 'next'),
    );
    const client = await RawClient.connect(port);
    client.send(requestText('POST', '/', ['Content-Length: 1000']));
    expect((await client.answer()).body.toString()).toBe('not read');
    client.send('x'.repeat(1000) + requestText('GET', '/'));
    expect((await client.answer()).body.toString()).toBe('next');
  });
});

/** Whether nothing more was written over some turns. */
async function isStill(client: RawClient): Promise<boolean> {
  const before = client.socket.writableLength;
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return client.socket.writableLength === before;
}
