import { describe, expect, it } from 'vitest';
import type { Handler } from '../../src/handler/types.ts';
import { serve } from './support.ts';

async function* letters(): AsyncGenerator<string | Uint8Array> {
  yield 'a';
  yield new Uint8Array([0x62]);
  yield '';
  yield 'ü';
}

const big = new Uint8Array(300_000).fill(0x2a);

describe('what a handler returns is answered', () => {
  const cases: [name: string, handler: Handler, status: number, type: string | null, body: string][] = [
    ['a string', () => 'ü', 200, 'text/plain; charset=utf-8', 'ü'],
    ['an empty string', () => '', 200, 'text/plain; charset=utf-8', ''],
    ['bytes', () => new Uint8Array([0x68, 0x69]), 200, 'application/octet-stream', 'hi'],
    ['a Buffer', () => Buffer.from('hi'), 200, 'application/octet-stream', 'hi'],
    ['an ArrayBuffer', () => new Uint8Array([0x68]).buffer, 200, 'application/octet-stream', 'h'],
    ['an object', () => ({ a: [1] }), 200, 'application/json', '{"a":[1]}'],
    ['an array', () => [1, 2], 200, 'application/json', '[1,2]'],
    ['a number', () => 5, 200, 'application/json', '5'],
    ['nothing', () => undefined, 204, null, ''],
    ['null', () => null, 204, null, ''],
    ['nothing with a status', (c) => void c.status(202), 202, null, ''],
    ['a string with 204', (c) => c.status(204) && 'lost', 204, null, ''],
    ['a status and header', (c) => c.status(201).header('Content-Type', 'text/x') && 'x', 201, 'text/x', 'x'],
    ['a promise', async () => ({ later: true }), 200, 'application/json', '{"later":true}'],
    [
      'a Response',
      () => new Response('r', { status: 203, headers: { 'x-a': 'b' } }),
      203,
      'text/plain;charset=UTF-8',
      'r',
    ],
    ['a Response of JSON', () => Response.json({ r: 1 }), 200, 'application/json', '{"r":1}'],
    ['a Response without a body', () => new Response(null, { status: 205 }), 205, null, ''],
    ['an async iterable', () => letters(), 200, 'application/octet-stream', 'abü'],
    ['a stream', () => new Blob(['blob']).stream(), 200, 'application/octet-stream', 'blob'],
    ['an empty stream', () => new Blob([]).stream(), 200, 'application/octet-stream', ''],
    ['many bytes', () => big, 200, 'application/octet-stream', '*'.repeat(big.length)],
  ];
  it.each(cases)('%s', async (_, handler, status, type, body) => {
    const { ask, fake, logs, bridge } = serve(handler);
    const response = await ask();
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('x-trace-id')).toBe('trace-0');
    expect(await response.text()).toBe(body);
    expect(fake.requests[0]?.finished).toEqual({ bytes: Buffer.byteLength(body), completed: true });
    expect(logs).toEqual([]);
    expect(bridge.live).toBe(0);
  });

  it('with the length of the body when that is known', async () => {
    const { ask } = serve(() => 'ü');
    expect((await ask()).headers.get('content-length')).toBe('2');
    const declared = serve(
      () => new Response(new Blob(['abc']).stream(), { headers: { 'content-length': '3' } }),
    );
    const response = await declared.ask();
    expect(response.headers.get('content-length')).toBe('3');
    expect(await response.text()).toBe('abc');
  });

  it('to HEAD without a body', async () => {
    const { ask, fake } = serve(() => 'five!');
    const response = await ask({ method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('5');
    expect(await response.text()).toBe('');
    expect(fake.requests[0]?.finished).toEqual({ bytes: 0, completed: true });
  });

  it('with every set-cookie, and the last value of other headers', async () => {
    const { ask } = serve(
      (c) =>
        c.header('set-cookie', 'a=1').header('Set-Cookie', 'b=2').header('x', '1').header('X', '2') && '',
    );
    const { headers } = await ask();
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(headers.get('x')).toBe('2');
  });
});

describe('a streamed answer', () => {
  it('waits for a slow reader', async () => {
    let made = 0;
    const { ask, fake } = serve(async function* () {
      for (; made < 100; made += 1) yield new Uint8Array(65536);
    } as Handler);
    const response = await ask();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(made).toBeLessThan(5);
    expect((await response.arrayBuffer()).byteLength).toBe(6_553_600);
    expect(fake.requests[0]?.finished).toEqual({ bytes: 6_553_600, completed: true });
  });

  it('that throws breaks the body and logs one line', async () => {
    const { ask, fake, logs } = serve(async function* () {
      yield 'half';
      throw new Error('secret');
    } as Handler);
    const response = await ask();
    await expect(response.text()).rejects.toThrow();
    expect(fake.requests[0]?.finished).toEqual({ bytes: 4, completed: false });
    expect(logs).toHaveLength(1);
  });

  it.each([2, 4])('that does not keep to its declared length of %d breaks the body', async (length) => {
    const stream = () => new Blob(['abc']).stream();
    const { ask, fake, logs } = serve(
      () => new Response(stream(), { headers: { 'content-length': String(length) } }),
    );
    const response = await ask();
    await expect(response.text()).rejects.toThrow();
    expect(fake.requests[0]?.finished?.completed).toBe(false);
    expect(logs).toHaveLength(1);
  });

  it('is cancelled when the client goes away, also while it waits', async () => {
    let cancelled = false;
    const { ask, fake } = serve(
      () =>
        new ReadableStream({
          start: (controller) => controller.enqueue('first'),
          cancel: () => {
            cancelled = true;
          },
        }),
    );
    const response = await ask();
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(cancelled).toBe(true);
    expect(fake.requests[0]?.aborted).toBe(true);
  });
});
