// Starting and stopping the native listener; what it serves is tested with handlers and end to end.
import { createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Bridge } from '../../src/listener/bridge.ts';
import { listenNative } from '../../src/listener/native.ts';
import { closeListener, openListener } from '../../src/listening.ts';
import { FakeNative } from '../support/fake-native.ts';
import { needs } from '../support/listeners.ts';

function bridged() {
  const fake = new FakeNative(() => undefined);
  const aborted: number[] = [];
  const bridge = new Bridge(fake.native, 5, {
    handle: (exchange) => {
      const { id } = exchange;
      exchange.side = { data() {}, writable() {}, answered() {}, aborted: () => void aborted.push(id) };
    },
    keysWanted: () => {},
    report: (error) => {
      throw error;
    },
  });
  return { fake, bridge, aborted };
}

const at = { host: '127.0.0.1', port: 0, backlog: 128 };

afterEach(() => {
  vi.useRealTimers();
});

describe('the native listener', () => {
  it.each([
    ['loop', 0],
    [3, 3],
  ] as const)('opens with threads %s as %d', async (threads, crossed) => {
    const { fake, bridge } = bridged();
    const listener = await listenNative(bridge, { ...at, threads });
    expect([listener.host, listener.port, listener.families()]).toEqual(['127.0.0.1', 4711, []]);
    const options = { host: '127.0.0.1', port: 0, backlog: 128, threads: crossed, fds: [] };
    expect(fake.listenerCalls).toEqual([`open 5 1 ${JSON.stringify(options)}`]);
  });

  it('binds to the address of a name, or takes sockets over', async () => {
    const { fake, bridge } = bridged();
    await listenNative(bridge, { ...at, host: 'localhost', threads: 1, fds: [11, 12] });
    expect(fake.listenerCalls[0]).toMatch(/"host":"(?:127\.0\.0\.1|::1)".*"fds":\[11,12\]/);
  });

  it('is quiet when its last connection is closed', async () => {
    const { fake, bridge } = bridged();
    const listener = await listenNative(bridge, { ...at, threads: 1 });
    await listener.quiet();
    vi.useFakeTimers();
    fake.connections = 2;
    const quiet = vi.fn();
    void listener.quiet().then(quiet);
    await vi.advanceTimersByTimeAsync(1000);
    expect(quiet).not.toHaveBeenCalled();
    fake.connections = 0;
    await vi.advanceTimersByTimeAsync(10);
    expect([quiet.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('closes once, tells handlers, and counts no more', async () => {
    const { fake, bridge, aborted } = bridged();
    const listener = await listenNative(bridge, { ...at, threads: 1 });
    fake.connections = 1;
    const quiet = listener.quiet();
    fake.ownedRequest(4);
    fake.wake();
    listener.close();
    listener.close();
    listener.stopAccepting();
    await quiet;
    expect([fake.listenerCalls.slice(1), aborted, bridge.live]).toEqual([['close 9'], [4], 0]);
  });
});

describe('closing', () => {
  it('waits for the delay, then stops accepting, drains, and closes when all is quiet', async () => {
    const { fake, bridge } = bridged();
    const listener = await listenNative(bridge, { ...at, threads: 1 });
    fake.connections = 1;
    const calls = () => fake.listenerCalls.slice(1);
    const closing = closeListener(bridge, listener, { delayMs: 20, timeoutMs: 10_000 });
    expect(calls()).toEqual([]);
    await vi.waitUntil(() => calls().length === 2);
    expect(calls()).toEqual(['stopAccepting 9', 'drain 9 10000']);
    fake.connections = 0;
    await closing;
    expect(calls()).toEqual(['stopAccepting 9', 'drain 9 10000', 'close 9']);
  });

  it('breaks what is left after its time', async () => {
    const { fake, bridge, aborted } = bridged();
    const listener = await listenNative(bridge, { ...at, threads: 1 });
    fake.ownedRequest(4);
    fake.wake();
    await closeListener(bridge, listener, { delayMs: 0, timeoutMs: 5 });
    expect([fake.listenerCalls.at(-1), aborted]).toEqual(['close 9', [4]]);
  });
});

describe('the choice', () => {
  const settings = {
    host: '127.0.0.1',
    port: 0,
    maxHeaderBytes: 16384,
    isSecure: false,
    threads: 1,
    backlog: 4096,
  };

  it('opens what it names, with what replaces the settings', async () => {
    const { bridge } = bridged();
    const facts = { listener: 'native', nativeOnly: [] } as const;
    const open = await openListener(bridge, { ...settings, threads: 2 }, facts, { threads: 'loop' });
    expect(open).toMatchObject({ listener: 'native', threads: 'loop', url: 'http://127.0.0.1:4711' });
    const secure = await openListener(bridge, { ...settings, host: '::1', isSecure: true }, facts, {});
    expect([secure.url, secure.threads]).toEqual(['https://[::1]:4711', 1]);
  });

  it('is uWebSockets.js where that loads', async (context) => {
    needs(context, 'uws');
    const { bridge } = bridged();
    const open = await openListener(bridge, settings, { listener: 'auto', nativeOnly: [] }, { threads: 4 });
    expect([open.listener, open.threads]).toEqual(['uws', null]);
    await new Promise<void>((resolve, reject) => {
      const probe = createServer().once('error', () => resolve());
      probe.listen(open.sockets.port, '127.0.0.1', () => reject(new Error('nothing listens')));
    });
    open.sockets.close();
  });

  it('is native where an option needs it', async () => {
    const { bridge } = bridged();
    const facts = { listener: 'auto', nativeOnly: ['listen.tls'] } as const;
    expect(await openListener(bridge, settings, facts, {})).toMatchObject({
      listener: 'native',
      reason: 'only the native listener has listen.tls',
    });
  });
});
