// What a handler may return, and what the client gets for it.
import { describe, expect, it } from 'vitest';
import type { Handler } from '../../src/index.ts';
import { startGateway } from '../support/gateway.ts';
import { rawRequest, requestText } from '../support/raw.ts';

const bytes = new Uint8Array([0, 1, 2, 253, 254, 255]);

const shared = new Uint8Array(new SharedArrayBuffer(6));
shared.set(Buffer.from('shared'));

async function* pieces(): AsyncGenerator<string | Uint8Array> {
  yield 'one ';
  yield new TextEncoder().encode('two ');
  yield 'three';
}

const answers: readonly [
  what: string,
  handler: Handler,
  status: number,
  type: string | null,
  body: string,
][] = [
  ['text', () => 'grüße', 200, 'text/plain; charset=utf-8', 'grüße'],
  ['an empty text', () => '', 200, 'text/plain; charset=utf-8', ''],
  ['bytes', () => bytes, 200, 'application/octet-stream', Buffer.from(bytes).toString()],
  ['an ArrayBuffer', () => bytes.buffer, 200, 'application/octet-stream', Buffer.from(bytes).toString()],
  ['shared memory', () => shared.buffer, 200, 'application/octet-stream', 'shared'],
  ['a view of shared memory', () => shared.subarray(2), 200, 'application/octet-stream', 'ared'],
  [
    'a stream of shared memory',
    async function* () {
      yield shared;
      yield shared.subarray(0, 2);
    },
    200,
    'application/octet-stream',
    'sharedsh',
  ],
  ['an object', () => ({ a: [1, null] }), 200, 'application/json', '{"a":[1,null]}'],
  ['an array', () => [1, 2], 200, 'application/json', '[1,2]'],
  ['a number', () => 7, 200, 'application/json', '7'],
  ['nothing', () => undefined, 204, null, ''],
  ['null', () => null, 204, null, ''],
  ['a promise', async () => 'later', 200, 'text/plain; charset=utf-8', 'later'],
  ['an async generator', () => pieces(), 200, 'application/octet-stream', 'one two three'],
  ['a web stream', () => new Blob(['blob']).stream(), 200, 'application/octet-stream', 'blob'],
  ['a Response', () => new Response('teapot', { status: 418 }), 418, 'text/plain;charset=UTF-8', 'teapot'],
  ['an empty Response', () => new Response(null, { status: 202 }), 202, null, ''],
  ['a Response of JSON', () => Response.json({ ok: true }), 200, 'application/json', '{"ok":true}'],
  [
    'a status and a type of its own',
    (context) => context.status(201).header('Content-Type', 'text/csv') && 'a,b',
    201,
    'text/csv',
    'a,b',
  ],
  ['long text', () => 'x'.repeat(300_000), 200, 'text/plain; charset=utf-8', 'x'.repeat(300_000)],
];

describe('a handler that returns', () => {
  it.each(answers)('%s', async (_, handler, status, type, body) => {
    const { url } = await startGateway({}, (gateway) => gateway.get('/it', handler));
    const response = await fetch(`${url}/it`);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(await response.text()).toBe(body);
  });

  it.each(answers)('%s, by inject', async (_, handler, status, type, body) => {
    const { gateway } = await startGateway({}, (made) => made.get('/it', handler));
    const response = await gateway.inject('/it');
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toBe(body);
  });
});

describe('the head of a handler answer', () => {
  it('frames a whole body by its length and a stream in chunks', async () => {
    const { port } = await startGateway({}, (gateway) => {
      gateway.get('/whole', () => 'whole').get('/stream', () => pieces());
    });
    const whole = await rawRequest(port, requestText('GET', '/whole'));
    expect(whole.fields.filter(([name]) => name === 'content-length')).toEqual([['content-length', '5']]);
    expect(whole.header('transfer-encoding')).toBeUndefined();
    const stream = await rawRequest(port, requestText('GET', '/stream'));
    expect(stream.header('transfer-encoding')).toBe('chunked');
    expect(stream.header('content-length')).toBeUndefined();
    expect(stream.body.toString()).toBe('one two three');
  });

  it('has one Date, no Server, and no name of the library', async () => {
    const { port } = await startGateway({}, (gateway) => gateway.get('/', () => 'x'));
    const answer = await rawRequest(port, requestText('GET', '/'));
    const names = answer.fields.map(([name]) => name);
    expect(names.filter((name) => name === 'date')).toHaveLength(1);
    expect(names).not.toContain('server');
    expect(names).not.toContain('uwebsockets');
  });

  it('of HEAD tells the length of GET and sends no byte of it', async () => {
    const { port } = await startGateway({}, (gateway) => gateway.get('/', () => 'twelve bytes'));
    const answer = await rawRequest(port, requestText('HEAD', '/'), { head: true });
    expect(answer.status).toBe(200);
    expect(answer.header('content-length')).toBe('12');
    const two = requestText('HEAD', '/') + requestText('GET', '/');
    expect((await rawRequest(port, two, { head: true })).status).toBe(200);
  });

  it('keeps every Set-Cookie, and replaces everything else', async () => {
    const { port } = await startGateway({}, (gateway) => {
      gateway.get('/', (context) => {
        context.header('Set-Cookie', 'a=1').header('Set-Cookie', 'b=2').header('X-A', '1').header('x-a', '2');
        return 'x';
      });
    });
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect(answer.fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value)).toEqual([
      'a=1',
      'b=2',
    ]);
    expect(answer.header('x-a')).toBe('2');
  });

  it('never takes framing or line breaks from a handler', async () => {
    const { port, lines } = await startGateway({}, (gateway) => {
      gateway.get('/framing', (context) => context.header('Transfer-Encoding', 'chunked') && 'x');
      gateway.get('/break', (context) => context.header('X-A', 'a\r\nX-B: b') && 'x');
      gateway.get(
        '/response',
        () => new Response('abc', { headers: { connection: 'close', 'keep-alive': 'x' } }),
      );
    });
    const framing = await rawRequest(port, requestText('GET', '/framing'));
    expect(framing.status).toBe(500);
    const broken = await rawRequest(port, requestText('GET', '/break'));
    expect(broken.status).toBe(500);
    expect(broken.header('x-b')).toBeUndefined();
    const response = await rawRequest(port, requestText('GET', '/response'));
    expect(response.body.toString()).toBe('abc');
    expect(response.header('keep-alive')).toBeUndefined();
    expect(lines.filter((line) => line.level === 'error')).toHaveLength(2);
  });
});
