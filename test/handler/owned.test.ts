// Handlers whose connection the engine owns: one event in, one `respond` out.
import { describe, expect, it } from 'vitest';
import type { Handler, HandlerContext } from '../../src/handler/types.ts';
import {
  RESPOND_EMPTY,
  RESPOND_HOLD,
  RESPOND_OK,
  RESPOND_OPEN,
  RESPOND_WHOLE,
} from '../../src/native/layout.ts';
import { eventually, turns } from '../listener/client.ts';
import { serve } from './support.ts';

const plain = 'Content-Type: text/plain; charset=utf-8\r\n';
const bytes = 'Content-Type: application/octet-stream\r\n';
const long = 'ü'.repeat(16_385);
const big = new Uint8Array(70_000).fill(0x2a);

async function* letters(): AsyncGenerator<string> {
  yield 'a';
  yield 'b';
}

describe('one call answers', () => {
  const whole = (status: number, lines: string, body: string | Uint8Array) => ({
    how: RESPOND_WHOLE,
    status,
    lines,
    body,
    length: -1,
  });
  const empty = (status: number, lines: string, length: number) => ({
    how: RESPOND_EMPTY,
    status,
    lines,
    body: null,
    length,
  });
  const json = 'Content-Type: application/json\r\n';
  const cases: [name: string, handler: Handler, isHead: boolean, answer: object][] = [
    ['a string, as a string', () => 'ü', false, whole(200, plain, 'ü')],
    ['a long string, as bytes', () => long, false, whole(200, plain, new TextEncoder().encode(long))],
    ['an object', () => ({ a: 1 }), false, whole(200, json, '{"a":1}')],
    ['many bytes', () => big, false, whole(200, bytes, big)],
    ['nothing', () => undefined, false, empty(204, '', -1)],
    ['nothing with a status', (c) => void c.status(202), false, empty(202, '', 0)],
    ['a string with 304', (c) => c.status(304) && 'lost', false, empty(304, '', -1)],
    ['a Response without a body', () => new Response(null, { status: 205 }), false, empty(205, '', 0)],
    [
      'its own header',
      (c) => c.status(201).header('x', 'y') && 'z',
      false,
      whole(201, `x: y\r\n${plain}`, 'z'),
    ],
    ['a string to HEAD', () => 'füve', true, empty(200, plain, 5)],
    ['many bytes to HEAD', () => big, true, empty(200, bytes, 70_000)],
    ['a stream to HEAD', () => letters(), true, empty(200, bytes, -1)],
  ];
  it.each(cases)('%s', (_, handler, isHead, answer) => {
    const { come, logs, bridge } = serve(handler);
    expect(come({ isHead }).answer).toEqual(answer);
    expect(logs).toEqual([]);
    expect(bridge.live).toBe(0);
  });

  it('a promise', async () => {
    const { come, bridge } = serve(async ({ params }) => params);
    const request = come();
    expect(bridge.live).toBe(1);
    await bridge.idle();
    expect(request.answer?.body).toBe('{"id":"42"}');
  });

  it('every request that waits, also of an id that was used before', () => {
    const { fake, bridge } = serve(({ path }) => path);
    const requests = ['/a', '/b', '/c'].map((target, at) => fake.ownedRequest(at % 2, { target }));
    fake.wake();
    expect(requests.map(({ answer }) => answer?.body)).toEqual(['/a', '/b', '/c']);
    expect(bridge.live).toBe(0);
  });
});

describe('a streamed answer', () => {
  it('is opened and sent piece by piece', async () => {
    const { come, bridge } = serve(() => letters());
    const request = come();
    await bridge.idle();
    expect(request.answer).toEqual({ how: RESPOND_OPEN, status: 200, lines: bytes, body: null, length: -1 });
    expect([request.sent, request.isLast]).toEqual([['a', 'b', ''], true]);
  });

  it('of a declared length ends with its last byte', async () => {
    const stream = () => new Blob(['abc']).stream();
    const { come, bridge } = serve(() => new Response(stream(), { headers: { 'content-length': '3' } }));
    const request = come();
    await bridge.idle();
    expect([request.answer?.length, request.sent, request.isLast]).toEqual([3, ['abc'], true]);
  });

  it('waits when it is held, from the head on', async () => {
    let made = 0;
    const { come, fake, bridge } = serve(async function* () {
      for (; made < 3; made += 1) yield String(made);
    } as Handler);
    fake.taken = RESPOND_HOLD;
    const request = come();
    for (const sent of [[], ['0'], ['0', '1'], ['0', '1', '2']]) {
      await turns();
      expect(request.sent).toEqual(sent);
      expect(made).toBeLessThanOrEqual(sent.length + 1);
      if (sent.length === 3) fake.taken = RESPOND_OK;
      fake.writable(request.id);
      fake.wake();
    }
    await bridge.idle();
    expect([request.sent.at(-1), request.isLast]).toEqual(['', true]);
  });

  it('that throws breaks the connection and is logged with its route', async () => {
    const { come, bridge, logs } = serve(async function* () {
      yield 'half';
      throw new Error('secret');
    } as Handler);
    const request = come();
    await bridge.idle();
    expect([request.sent, request.isLast, request.broken]).toEqual([['half'], false, true]);
    expect(logs.map(({ fields }) => fields['route'])).toEqual(['order']);
  });

  it.each(['while it is held', 'while it is sent'])(
    'is cancelled when the client leaves %s',
    async (when) => {
      let cancelled = false;
      const { come, fake, bridge, logs } = serve(
        () =>
          new ReadableStream<string>(
            {
              pull: (controller) => controller.enqueue('more'),
              cancel: () => {
                cancelled = true;
              },
            },
            { highWaterMark: 0 },
          ),
      );
      if (when === 'while it is held') fake.taken = RESPOND_HOLD;
      const request = come();
      fake.gone(request.id);
      // Without a wake-up `send` is the first to tell.
      if (when === 'while it is held') fake.wake();
      await eventually(() => cancelled, 'the stream is cancelled');
      expect([bridge.live, request.broken, logs]).toEqual([0, false, []]);
      fake.wake();
    },
  );
});

describe('a handler that fails', () => {
  const cases: [name: string, handler: Handler | undefined][] = [
    ['throws', () => Promise.reject(new Error('secret'))],
    ['sets a status out of range', (c) => Object.assign(c, { code: 99 }) && 'x'],
    ["sets a header that is the gateway's", (c) => c.header('connection', 'close') && 'x'],
    ['streams under such a header', (c) => c.header('connection', 'close') && letters()],
    ['is not there', undefined],
  ];
  it.each(cases)('%s: the engine answers, one line is logged', async (_, handler) => {
    const { come, bridge, logs } = serve(handler);
    const request = come();
    await bridge.idle();
    expect([request.failed, request.answer, logs.length]).toEqual([true, null, 1]);
  });
});

describe('a client that leaves', () => {
  const waiting = () => {
    const contexts: HandlerContext[] = [];
    const served = serve((context) => {
      contexts.push(context);
      return new Promise(() => {});
    });
    return { ...served, contexts };
  };

  it('aborts the signal; facts that the engine kept can be read on', () => {
    const { come, fake, contexts, bridge } = waiting();
    const request = come();
    const seen = contexts[0]?.signal;
    fake.gone(request.id, { keeps: true });
    fake.wake();
    expect([seen?.aborted, bridge.live]).toEqual([true, 0]);
    expect(contexts[0]?.params).toEqual({ id: '42' });
  });

  it('leaves facts that were read; others throw, and are never those of another request', () => {
    const { come, fake, contexts } = waiting();
    const request = come();
    expect(contexts[0]?.path).toBe('/orders/42');
    fake.gone(request.id);
    come({ target: '/other' }, request.id);
    expect(contexts[1]?.path).toBe('/other');
    expect(contexts[0]?.path).toBe('/orders/42');
    expect(() => contexts[0]?.params).toThrow(expect.objectContaining({ code: 'ERR_FG_BODY_ABORTED' }));
  });

  it('breaks the body that is being read; it is too large only when the engine says 413', async () => {
    for (const status of [0, 408, 413]) {
      const failures: unknown[] = [];
      const { come, fake, bridge } = serve(async ({ body, signal }) => {
        await body.bytes().catch((error: unknown) => failures.push(error, signal.aborted));
      });
      const request = come({ body: 10 });
      fake.gone(request.id, { status });
      fake.wake();
      await turns();
      const code = status === 413 ? 'ERR_FG_BODY_TOO_LARGE' : 'ERR_FG_BODY_ABORTED';
      expect(failures).toEqual([expect.objectContaining({ code }), true]);
      expect([request.answer, bridge.live]).toEqual([null, 0]);
    }
  });

  it('is what handlers see when the bridge closes', () => {
    const { come, contexts, bridge } = waiting();
    const request = come();
    const seen = contexts[0]?.signal;
    bridge.close();
    expect([seen?.aborted, request.broken, bridge.live]).toEqual([true, true, 0]);
  });
});

describe('a request body', () => {
  it.each([
    ['of a declared length', 8],
    ['of an unknown length', Number.POSITIVE_INFINITY],
  ])('%s is read as it comes', async (_, body) => {
    const { come, fake, bridge } = serve(async (context) => `read ${await context.body.text()}`);
    const request = come({ body });
    fake.ownedBody(request.id, 'four');
    fake.wake();
    await turns();
    fake.ownedBody(request.id, 'more', true);
    fake.wake();
    await bridge.idle();
    expect(request.answer?.body).toBe('read fourmore');
  });

  it('that is not announced is over', async () => {
    const { come, bridge } = serve(async ({ body }) => (await body.bytes()).length);
    const request = come();
    await bridge.idle();
    expect(request.answer?.body).toBe('0');
  });

  it('that nobody reads is stopped, and goes on when it is read', async () => {
    const go: (() => void)[] = [];
    const { come, fake, bridge } = serve(async ({ body }) => {
      await new Promise<void>((resolve) => go.push(resolve));
      return (await body.bytes()).length;
    });
    const request = come({ body: Number.POSITIVE_INFINITY });
    for (let piece = 0; piece < 2; piece += 1) fake.ownedBody(request.id, new Uint8Array(40_000));
    fake.wake();
    expect(request.flow).toEqual([false]);
    go[0]?.();
    await eventually(() => request.flow.length === 2, 'the body may flow');
    expect(request.flow).toEqual([false, true]);
    fake.ownedBody(request.id, '', true);
    fake.wake();
    await bridge.idle();
    expect(request.answer?.body).toBe('80000');
  });

  it('that comes after the answer is dropped', () => {
    const { come, fake, bridge } = serve(() => 'early');
    const request = come({ body: 10 });
    fake.ownedBody(request.id, 'late', true);
    fake.writable(request.id);
    fake.gone(request.id);
    fake.wake();
    expect([request.answer?.body, bridge.live]).toEqual(['early', 0]);
  });
});
