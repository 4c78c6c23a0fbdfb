// What throws inside a callback that uWebSockets.js calls: it costs that exchange its connection, is told once, and the next client is served.
import { afterEach, describe, expect, it } from 'vitest';
import { Bridge } from '../../src/listener/bridge.ts';
import type { Exchange, HandlerSide } from '../../src/listener/exchange.ts';
import type { Listener } from '../../src/listener/listener.ts';
import { listenUws } from '../../src/listener/uws.ts';
import { FakeNative } from '../support/fake-native.ts';
import { byteClient, eventually } from './client.ts';

const listeners: Listener[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
});

const oops = (): never => {
  throw new Error('oops');
};
const calm: HandlerSide = { data() {}, writable() {}, aborted() {}, answered() {} };
const get = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';

/** `/` has a handler, which `handle` stands for; everything else is answered at once. */
async function listen(handle: (exchange: Exchange) => void) {
  const reported: unknown[] = [];
  const fake = new FakeNative((request, native) => {
    if (request.target === '/') return { handler: 1, body: request.method === 'POST' };
    native.head(request.id, '200 OK', { whole: 'fine' });
    return undefined;
  });
  const report = (error: unknown): void => void reported.push(error);
  const bridge = new Bridge(fake.native, 1, { handle, keysWanted: () => {}, report });
  const listener = await listenUws(bridge, { host: '127.0.0.1', port: 0, maxHeaderBytes: 16384 });
  listeners.push(listener);
  const client = await byteClient(listener.port);
  const servesOn = async (): Promise<void> => {
    await eventually(() => bridge.live === 0, 'no exchange is left');
    expect(reported).toEqual([new Error('oops')]);
    const next = await byteClient(listener.port);
    next.send('GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n');
    expect(await next.until('fine')).toContain('200 OK');
    next.socket.destroy();
  };
  return { fake, client, servesOn };
}

describe('a fault', () => {
  it('where the handler is run', async () => {
    const { fake, client, servesOn } = await listen(oops);
    client.send(get);
    expect(await client.closed()).toBe('');
    expect(fake.requests[0]?.aborted).toBe(true);
    await servesOn();
  });

  it('where a piece of the body is told', async () => {
    const { fake, client, servesOn } = await listen((exchange) => {
      exchange.side = { ...calm, data: oops };
    });
    client.send('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nsome');
    expect(await client.closed()).toBe('');
    expect(fake.requests[0]?.aborted).toBe(true);
    await servesOn();
  });

  it('where the end of the client is told', async () => {
    const { fake, client, servesOn } = await listen((exchange) => {
      exchange.side = { ...calm, aborted: oops };
    });
    client.send(get);
    await eventually(() => fake.requests.length === 1, 'the request');
    client.socket.resetAndDestroy();
    await eventually(() => fake.requests[0]?.aborted === true, 'the engine is told');
    await servesOn();
  });

  it('where room for more of the answer is told', async () => {
    const { fake, client, servesOn } = await listen((exchange) => {
      exchange.side = { ...calm, writable: oops };
      setImmediate(() => {
        exchange.respondOpen(200, '', -1);
        while (exchange.sendPiece(new Uint8Array(65_536)));
      });
    });
    client.socket.pause();
    client.send(get);
    await eventually(() => fake.requests.length === 1, 'the request');
    client.socket.resume();
    expect((await client.closed()).endsWith('0\r\n\r\n')).toBe(false);
    expect(fake.requests[0]?.aborted).toBe(true);
    await servesOn();
  });

  it('where an answer of the engine is told', async () => {
    const { fake, client, servesOn } = await listen((exchange) => {
      exchange.side = { ...calm, answered: oops };
    });
    client.send(get);
    await eventually(() => fake.requests.length === 1, 'the request');
    fake.head(fake.requests[0]?.id ?? 0, '503 No', { whole: 'later' });
    fake.wake();
    expect(await client.until('later')).toContain('503 No');
    await servesOn();
  });
});
