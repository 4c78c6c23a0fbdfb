import { afterEach, expect, it, vi } from 'vitest';
import { createGateway } from '../../src/index.ts';
import { FakeNative } from '../support/fake-native.ts';

vi.mock('uWebSockets.js', () => {
  throw new Error('not installed');
});

// The sockets of the native listener are the fake's; everything else is the addon.
const fake = new FakeNative(() => undefined);
vi.mock('../../src/native/binding.ts', async (original) => {
  const { loadNative } = await original<typeof import('../../src/native/binding.ts')>();
  const names = ['Open', 'StopAccepting', 'Drain', 'Connections', 'Close'].map((name) => `listener${name}`);
  const call =
    (name: string) =>
    (...args: unknown[]) =>
      (fake as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args);
  const sockets = Object.fromEntries(names.map((name) => [name, call(name)]));
  return { loadNative: () => ({ ...loadNative(), ...sockets }) };
});

afterEach(() => {
  fake.listenerCalls.length = 0;
});

const absent = /^uWebSockets\.js is not installed or does not load on Node \d+\.\d+\.\d+$/;

it('listen by name without uWebSockets.js says which line adds it, and inject goes on', async () => {
  const gateway = createGateway({ records: false, listen: { port: 0 } });
  gateway.get('/x', () => 'x');
  const failure = gateway.listen({ listener: 'uws' });
  await expect(failure).rejects.toMatchObject({ code: 'ERR_FG_LISTENER_UNAVAILABLE' });
  await expect(failure).rejects.toThrow('npm install uWebSockets.js@npm:uws-pack@20.0.8');
  expect(await (await gateway.inject('/x')).text()).toBe('x');
  await gateway.close();
});

it('without uWebSockets.js the native listener serves, and says why', async () => {
  const gateway = createGateway({ records: false, listen: { port: 0 }, admin: { port: 0 } });
  const { url, listener, listenerReason, adminUrl } = await gateway.listen({ threads: 2 });
  expect({ url, listener, listenerReason }).toEqual({
    url: 'http://127.0.0.1:4711',
    listener: 'native',
    listenerReason: expect.stringMatching(absent),
  });
  expect(await (await fetch(`${adminUrl}/config`)).json()).toEqual({
    records: false,
    listen: { port: 0 },
    admin: { port: 0 },
    listening: { listener: 'native', reason: listenerReason, threads: 2 },
  });
  await gateway.close();
  expect(fake.listenerCalls.slice(1)).toEqual(['stopAccepting 9', 'drain 9 10000', 'close 9']);
});
