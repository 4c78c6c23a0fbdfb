import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayError } from '../../src/errors.ts';
import { Bridge } from '../../src/listener/bridge.ts';
import type { Exchange } from '../../src/listener/exchange.ts';
import type { Listener } from '../../src/listener/listener.ts';
import { listenUws } from '../../src/listener/uws.ts';
import * as layout from '../../src/native/layout.ts';
import { FakeNative, type Script } from '../support/fake-native.ts';
import { byteClient, eventually, turns } from './client.ts';

const listeners: Listener[] = [];
const reported: unknown[] = [];

async function listen(script: Script, handle: (exchange: Exchange) => void = () => {}) {
  const fake = new FakeNative(script);
  const bridge = new Bridge(fake.native, 1, {
    handle,
    keysWanted: () => {},
    report: (error) => reported.push(error),
  });
  const listener = await listenUws(bridge, { host: '127.0.0.1', port: 0, maxHeaderBytes: 16384 });
  listeners.push(listener);
  const client = await byteClient(listener.port);
  return { fake, bridge, listener, client };
}

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
  expect(reported.splice(0)).toEqual([]);
});

const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`;

describe('a request', () => {
  it('is handed over with method, target, every header and the address', async () => {
    const { fake, client } = await listen(({ id }, native) => {
      native.head(id, '200 OK', { whole: '' });
      return undefined;
    });
    client.send('PaTch /a%20b?x=1&y HTTP/1.1\r\nHost: a.example\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n');
    await client.until('\r\n\r\n');
    expect(fake.requests[0]).toMatchObject({ method: 'PaTch', target: '/a%20b?x=1&y' });
    expect(fake.requests[0]?.block).toBe('host: a.example\r\nx-two: 1\r\nx-two: 2\r\n');
    expect([...(fake.requests[0]?.address ?? [])].slice(-4)).toEqual([127, 0, 0, 1]);
  });
});

describe('a target', () => {
  it.each([
    ['/a', '/a'],
    ['/a?', '/a'],
    ['/a?b', '/a?b'],
    ['/a?b?c=%00&d', '/a?b?c=%00&d'],
    ['/%2e%2E//x', '/%2e%2E//x'],
  ])('%s is handed over as %s', async (sent, target) => {
    const { fake, client } = await listen(({ id }, native) => {
      native.head(id, '200 OK', { whole: '' });
      return undefined;
    });
    client.send(get(sent));
    await client.until('\r\n\r\n');
    expect(fake.requests[0]?.target).toBe(target);
  });
});

describe('an answer', () => {
  it('at hand is written at once, with the whole head', async () => {
    const { client } = await listen(({ id }, native) => {
      native.head(id, '418 Tea\r\nX-A: b', { whole: 'short and stout' });
      return undefined;
    });
    client.send(get('/'));
    const text = await client.until('stout');
    expect(text).toMatch(
      /^HTTP\/1\.1 418 Tea\r\nX-A: b\r\nDate: [^\r]+\r\nContent-Length: 15\r\n\r\nshort and stout$/,
    );
  });

  it('that comes later is written too, and the connection is used again', async () => {
    const { fake, client, bridge } = await listen(() => undefined);
    for (let round = 1; round <= 3; round += 1) {
      client.send(get(`/${round}`));
      await eventually(() => fake.requests.length === round, 'the request');
      fake.head(fake.requests.at(-1)?.id ?? -1, '200 OK', { whole: `round ${round}` });
      fake.wake();
      await client.until(`round ${round}`);
    }
    expect(bridge.live).toBe(0);
  });

  it.each([
    ['no length', null, /\r\nDate: [^\r]+\r\n\r\n$/],
    ['a reported length', 5, /\r\nContent-Length: 5\r\nDate: [^\r]+\r\n\r\n$/],
  ])('without a body has %s', async (_, none, pattern) => {
    const { client } = await listen(({ id }, native) => {
      native.head(id, '200 OK\r\nX-A: b', { none });
      return undefined;
    });
    for (let round = 1; round <= 2; round += 1) {
      client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
      const text = await client.until(
        (read) => read.split('HTTP/1.1 200 OK').length === round + 1 && read.endsWith('\r\n\r\n'),
      );
      expect(text).toMatch(pattern);
    }
  });

  it.each([
    ['with a body', { whole: '{}' }, /Date: [^\r]+\r\nConnection: close\r\nContent-Length: 4\r\n\r\n{}\r\n$/],
    ['without one', { none: 7 }, /Date: [^\r]+\r\nConnection: close\r\nContent-Length: 7\r\n\r\n$/],
  ])('that closes the connection closes it: %s', async (_, body, pattern) => {
    const { client, bridge } = await listen(({ id }, native) => {
      native.head(id, '400 Bad Request', { ...body, close: true });
      return undefined;
    });
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await client.closed()).toMatch(pattern);
    expect(bridge.live).toBe(0);
  });

  it('in chunks ends with the last chunk', async () => {
    const { fake, client } = await listen(() => undefined);
    client.send(get('/'));
    await eventually(() => fake.requests.length === 1, 'the request');
    fake.head(0, '200 OK');
    fake.chunk(0, 'one');
    fake.wake();
    await client.until('one');
    fake.chunk(0, 'two', true);
    fake.wake();
    expect(await client.until('0\r\n\r\n')).toMatch(
      /Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/,
    );
  });

  it('of known length shows its head before its body', async () => {
    const { fake, client } = await listen(() => undefined);
    client.send(get('/'));
    await eventually(() => fake.requests.length === 1, 'the request');
    fake.head(0, '200 OK', { sized: 6 });
    fake.wake();
    await client.until('Content-Length: 6\r\n\r\n');
    fake.chunk(0, 'abc');
    fake.chunk(0, 'def', true);
    fake.wake();
    await client.until('abcdef');
    client.send(get('/again'));
    await eventually(() => fake.requests.length === 2, 'the next request');
  });

  it('that breaks closes the connection before its end', async () => {
    const { fake, client, bridge } = await listen(() => undefined);
    client.send(get('/'));
    await eventually(() => fake.requests.length === 1, 'the request');
    fake.head(0, '200 OK');
    fake.chunk(0, 'half');
    fake.event(0, layout.EVENT_RESET);
    fake.wake();
    expect(await client.closed()).not.toContain('0\r\n\r\n');
    expect(bridge.live).toBe(0);
    expect(fake.requests[0]?.aborted).toBe(false);
  });
});

describe('a slow client', () => {
  const piece = new Uint8Array(65536).fill(0x61);
  const pieces = 160;

  it.each(['sized', 'chunked'])('stops the engine and gets every byte: %s', async (kind) => {
    const { fake, client, bridge } = await listen(() => undefined);
    client.socket.pause();
    client.send(get('/'));
    await eventually(() => fake.requests.length === 1, 'the request');
    const [request] = fake.requests;
    fake.head(0, '200 OK', kind === 'sized' ? { sized: piece.length * pieces } : {});
    for (let sent = 0; sent < pieces; sent += 1) {
      fake.chunk(0, piece, sent === pieces - 1);
      fake.wake();
      if (request?.blocked.at(-1) !== true) continue;
      client.socket.resume();
      await eventually(() => request.blocked.at(-1) === false, 'the client takes more');
      client.socket.pause();
    }
    client.socket.resume();
    await eventually(() => client.received() >= piece.length * pieces, 'every byte', 20_000);
    await client.until((text) => text.split('\r\n\r\n')[1] !== undefined);
    expect(request?.blocked).toContain(true);
    expect(bridge.live).toBe(0);
  });
});

describe('a client that leaves', () => {
  it('aborts its exchange', async () => {
    const { fake, client, bridge } = await listen(() => undefined);
    client.send(get('/'));
    await eventually(() => fake.requests.length === 1, 'the request');
    client.socket.destroy();
    await eventually(() => fake.requests[0]?.aborted === true, 'the abort');
    expect(bridge.live).toBe(0);
  });
});

describe('a request body', () => {
  it('is handed over, paused and resumed', async () => {
    const { fake, client } = await listen(() => ({ body: true }));
    const body = 'x'.repeat(3_000_000);
    fake.bodyFlow = layout.FLOW_PAUSE;
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await eventually(() => (fake.requests[0]?.body.length ?? 0) > 0, 'the first piece');
    const [request] = fake.requests;
    await turns();
    expect(request?.bodyDone).toBe(false);
    fake.bodyFlow = layout.FLOW_CONTINUE;
    fake.event(0, layout.EVENT_RESUME);
    fake.wake();
    await eventually(() => request?.bodyDone === true, 'the whole body');
    expect(request?.body.reduce((sum, piece) => sum + piece.length, 0)).toBe(body.length);
    fake.head(0, '200 OK', { whole: 'done' });
    fake.wake();
    await client.until('done');
  });

  it('that is still coming when the answer is complete leaves the next exchange alone', async () => {
    const { fake, client, bridge, listener } = await listen(({ target }) => ({ body: target === '/upload' }));
    client.send('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345');
    await eventually(() => (fake.requests[0]?.body.length ?? 0) > 0, 'the first half');
    fake.head(0, '200 OK', { whole: 'early' });
    fake.wake();
    await client.until('early');
    const other = await byteClient(listener.port);
    other.send(get('/other'));
    await eventually(() => fake.requests.length === 2, 'the other request');
    client.send('67890');
    await turns();
    expect(fake.requests[1]?.body).toEqual([]);
    fake.head(fake.requests[1]?.id ?? -1, '200 OK', { whole: 'fine' });
    fake.wake();
    await other.until('fine');
    expect(bridge.live).toBe(0);
    other.socket.destroy();
  });
});

describe('the port', () => {
  it('is taken by one listener only', async () => {
    const { bridge, listener } = await listen(() => undefined);
    const second = listenUws(bridge, { host: '127.0.0.1', port: listener.port, maxHeaderBytes: 16384 });
    await expect(second).rejects.toMatchObject({
      code: 'ERR_FG_ADDRESS_IN_USE',
    } satisfies Partial<GatewayError>);
  });

  it('takes no connection any more after stopAccepting', async () => {
    const { listener } = await listen(() => undefined);
    listener.stopAccepting();
    await expect(byteClient(listener.port)).rejects.toThrow();
  });
});
