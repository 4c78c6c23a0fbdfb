import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import type { Handler, HandlerContext } from '../../src/handler/types.ts';
import { eventually } from '../listener/client.ts';
import { serve } from './support.ts';

describe('a handler that fails is answered with 500 and logged once', () => {
  const cases: [name: string, handler: Handler | undefined][] = [
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    [
      'throws no Error',
      () => {
        throw 'secret';
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('secret');
      },
    ],
    [
      'rejects later',
      async () => {
        await Promise.resolve();
        throw new Error('secret');
      },
    ],
    ['returns what is no JSON', () => ({ big: 1n })],
    ['returns a function', () => () => 'secret'],
    [
      'returns a read Response',
      async () => {
        const r = new Response('x');
        await r.text();
        return r;
      },
    ],
    [
      'returns a locked stream',
      () => {
        const s = new Blob(['x']).stream();
        s.getReader();
        return s;
      },
    ],
    ['sets a status out of range', (c) => c.status(99) && 'x'],
    ['sets a header of two lines', (c) => c.header('x', 'a\r\nset-cookie: b') && 'x'],
    ["sets a header that is the gateway's", (c) => c.header('connection', 'keep-alive') && 'x'],
    [
      'throws a GatewayError that is no fault of the client',
      () => {
        throw new GatewayError('ERR_FG_CLOSED', 'secret');
      },
    ],
    ['is not there', undefined],
  ];
  it.each(cases)('%s', async (_, handler) => {
    const { ask, fake, logs, bridge } = serve(handler);
    const response = await ask();
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(fake.requests[0]?.failed).toBe(true);
    expect(logs).toHaveLength(1);
    expect(bridge.live).toBe(0);
  });
});

describe("a GatewayError of a handler chooses a status of the client's fault", () => {
  const handler: Handler = async (context) => context.header('x-own', '1').body.json();
  const body = '{"not":';

  it('as a problem document', async () => {
    const { ask, logs } = serve(handler);
    const response = await ask({ method: 'POST', body });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-own')).toBeNull();
    expect(await response.json()).toMatchObject({
      status: 400,
      code: 'ERR_FG_BAD_JSON',
      instance: '/orders/42',
    });
    expect(logs).toEqual([]);
  });

  it('as an envelope', async () => {
    const { ask } = serve(handler, 'envelope');
    const response = await ask({ method: 'POST', body });
    expect(await response.json()).toMatchObject({ code: 'ERR_FG_BAD_JSON', data: null });
  });
});

describe('a client that leaves', () => {
  it('aborts the signal; the handler goes on with its facts and answers nobody', async () => {
    let context: HandlerContext | undefined;
    const finish: ((value: string) => void)[] = [];
    const { ask, fake, logs, bridge } = serve((given) => {
      context ??= given;
      return new Promise<string>((resolve) => {
        finish.push(resolve);
      });
    });
    const controller = new AbortController();
    const asked = ask({ signal: controller.signal });
    const seen = context?.signal;
    controller.abort();
    await expect(asked).rejects.toThrow();
    expect(seen?.aborted).toBe(true);
    expect(fake.requests[0]?.aborted).toBe(true);
    const other = ask({ url: '/other' });
    expect(context?.params).toEqual({ id: '42' });
    expect(context?.path).toBe('/orders/42');
    finish[0]?.('too late');
    await eventually(() => bridge.live === 1, 'only the other is left');
    expect(fake.requests[1]?.finished).toBeNull();
    finish[1]?.('in time');
    expect(await (await other).text()).toBe('in time');
    expect(logs).toEqual([]);
  });

  it('breaks the body that is being read', async () => {
    let failure: unknown;
    const { ask } = serve(async (context) => {
      await context.body.bytes().catch((error: unknown) => {
        failure = error;
      });
    });
    const controller = new AbortController();
    const stream = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(new Uint8Array(5)) });
    const asked = ask({ method: 'POST', body: stream, signal: controller.signal });
    setTimeout(() => controller.abort(), 5);
    await expect(asked).rejects.toThrow();
    expect(failure).toMatchObject({ code: 'ERR_FG_BODY_ABORTED' });
  });
});
