import { describe, expect, it } from 'vitest';
import type { HandlerContext } from '../../src/handler/types.ts';
import { eventually, turns } from '../listener/client.ts';
import { serve } from './support.ts';

describe('the context', () => {
  it('tells the facts of the request', async () => {
    const { ask } = serve(({ method, path, params, query, headers, claims, ip, traceId, route }) => ({
      method,
      path,
      params,
      query: [...query],
      header: headers.get('X-Two'),
      missing: headers.get('nope'),
      names: [...headers.keys()],
      claims,
      ip,
      traceId,
      route,
    }));
    const response = await ask({ method: 'GET', headers: { 'X-Two': ['1', '2'], cookie: 'a=b' } });
    expect(await response.json()).toEqual({
      method: 'GET',
      path: '/orders/42',
      params: { id: '42' },
      query: [
        ['a', '1'],
        ['b', ' '],
      ],
      header: '1, 2',
      missing: null,
      names: ['x-two', 'cookie', 'host'],
      claims: { sub: 'ada' },
      ip: '127.0.0.1',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      route: 'order',
    });
  });

  it.each(['params', 'query', 'headers', 'claims', 'signal', 'body'] as const)(
    'gives the same %s each time',
    async (member) => {
      const { ask } = serve((context) => {
        const first = context[member];
        return context[member] === first;
      });
      expect(await (await ask()).text()).toBe('true');
    },
  );

  it('is empty, and never another request, when it is first read after the answer', async () => {
    let kept: HandlerContext | undefined;
    const { ask } = serve((context) => {
      kept ??= context;
      return context.method;
    });
    await ask({ method: 'DELETE' });
    void ask({ url: '/other' });
    expect(kept?.method).toBe('DELETE');
    expect([kept?.path, kept?.ip, [...(kept?.query ?? [])]]).toEqual(['', '', []]);
    expect(kept?.params).toEqual({});
  });
});

describe('the body', () => {
  it.each([
    ['text', async ({ body }: HandlerContext) => body.text()],
    ['bytes', async ({ body }: HandlerContext) => body.bytes()],
    ['json', async ({ body }: HandlerContext) => JSON.stringify(await body.json())],
    ['stream', ({ body }: HandlerContext) => body.stream()],
  ])('is read as %s', async (_, handler) => {
    const text = JSON.stringify({ text: 'ü'.repeat(100_000) });
    const { ask, fake } = serve(handler);
    expect(await (await ask({ method: 'POST', body: text })).text()).toBe(text);
    expect(fake.requests[0]?.block).toContain(`content-length: ${Buffer.byteLength(text)}`);
  });

  it.each([
    ['none', { method: 'GET' }],
    ['an empty one', { method: 'POST', body: '' }],
  ])('of a request with %s is empty', async (_, options) => {
    const { ask } = serve(async ({ body }) => (await body.bytes()).length);
    expect(await (await ask(options)).text()).toBe('0');
  });

  it('that was read once cannot be read in another way', async () => {
    const { ask } = serve(async ({ body }) => {
      const first = await body.text();
      const second = await body.bytes();
      expect(() => body.stream()).toThrow(TypeError);
      return first.length === second.length;
    });
    expect(await (await ask({ method: 'POST', body: 'abc' })).text()).toBe('true');
  });

  it('that nobody reads is stopped', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        if (pulled > 1000) controller.close();
        else controller.enqueue(new Uint8Array(16384));
      },
    });
    let go: () => void = () => {};
    const { ask } = serve(async (context) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return (await context.body.bytes()).length;
    });
    const asked = ask({ method: 'POST', body });
    await eventually(() => pulled > 3, 'the body begins');
    await turns();
    expect(pulled).toBeLessThan(20);
    go();
    expect(await (await asked).text()).toBe(String(16384 * 1000));
  });
});
