// What happens to a limit while its Redis is killed, stands still, is slow or full or refuses us, and that it comes back.
import { expect, test } from 'vitest';
import { askAll, fleetConfig, startFleetGateway } from '../support/fleet.ts';
import {
  type RedisServer,
  type SentinelSet,
  startCluster,
  startRedis,
  startSentinel,
} from '../support/redis.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** The fallback that lets all pass shows by itself whether it decided. */
const open = { mode: 'exact', fallback: 'open' } as const;

test('without Redis each fallback does what it says, and the limit comes back', async () => {
  const redis = await startRedis();
  const config = (fallback: 'local' | 'open' | 'closed') =>
    fleetConfig(redis.url, { mode: 'exact', fallback, gateways: 2 }, '200ms');
  const [local, opened, closed] = await Promise.all([
    startFleetGateway(config('local')),
    startFleetGateway(config('open')),
    startFleetGateway(config('closed')),
  ]);
  await Promise.all([local, opened, closed].map((gateway) => gateway.storeIs(true)));
  await redis.kill();
  // The share of one of two gateways is half of the burst.
  expect((await askAll([local.url], 30, 'a')).statuses).toEqual({ 200: 10, 429: 20 });
  expect((await askAll([opened.url], 30, 'a')).statuses).toEqual({ 200: 30 });
  expect((await askAll([closed.url], 30, 'a')).statuses).toEqual({ 503: 30 });
  const refused = await fetch(`${closed.url}/x`);
  expect(await refused.json()).toMatchObject({ code: 'limit_unavailable', status: 503 });
  expect(refused.headers.get('retry-after')).toBe('1');
  for (const gateway of [local, opened, closed]) {
    expect(await gateway.count('ferrogate_limit_fallbacks_total', { limit: 'fleet' })).toBeGreaterThanOrEqual(
      30,
    );
  }
  await redis.restart();
  for (const gateway of [local, opened, closed]) {
    await gateway.storeIs(true);
    // Redis came back empty, and each gateway has a key of its own here.
    const { statuses } = await askAll([gateway.url], 30, gateway.url);
    expect(statuses).toEqual({ 200: 20, 429: 10 });
  }
});

interface Fault {
  readonly breaks: (redis: RedisServer) => unknown;
  readonly mends: (redis: RedisServer) => unknown;
}

const faults: Record<string, Fault> = {
  'stands still': { breaks: (redis) => redis.pause(), mends: (redis) => redis.resume() },
  'is full': {
    breaks: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'),
    mends: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
};

test.each(Object.entries(faults))(
  'while Redis %s nobody waits for it after the first few',
  async (_, fault) => {
    const redis = await startRedis();
    const gateway = await startFleetGateway(fleetConfig(redis.url, open));
    await gateway.storeIs(true);
    await fault.breaks(redis);
    await until('the breaker to trip', async () => {
      expect((await askAll([gateway.url], 30, 'a')).statuses[200]).toBeGreaterThan(0);
      return (await gateway.count('ferrogate_store_up')) === 0;
    });
    const asked = await gateway.count('ferrogate_store_requests_total');
    expect((await askAll([gateway.url], 30, 'a')).statuses).toEqual({ 200: 30 });
    expect(await gateway.count('ferrogate_store_requests_total')).toBe(asked);
    await fault.mends(redis);
    await gateway.storeIs(true);
    await until(
      'the limit to hold again',
      async () => (await askAll([gateway.url], 30, 'b')).statuses[429] ?? 0,
    );
  },
);

test('a Redis that is slower than its timeout is away, and is there again when it is not', async () => {
  const redis = await startRedis();
  const proxy = await startTcpProxy(redis.port);
  const gateway = await startFleetGateway(fleetConfig(`redis://127.0.0.1:${proxy.port}`, open));
  await gateway.storeIs(true);
  proxy.latency = 100;
  await until('the breaker to trip', async () => {
    expect((await askAll([gateway.url], 5, 'a')).statuses[200]).toBe(5);
    return (await gateway.count('ferrogate_store_up')) === 0;
  });
  expect(await gateway.count('ferrogate_store_requests_total', { outcome: 'timeout' })).toBeGreaterThan(0);
  proxy.latency = 0;
  await gateway.storeIs(true);
  proxy.blackHole = true;
  await until('the breaker to trip', async () => {
    expect((await askAll([gateway.url], 5, 'a')).statuses[200]).toBe(5);
    return (await gateway.count('ferrogate_store_up')) === 0;
  });
  proxy.blackHole = false;
  proxy.breakAll();
  await gateway.storeIs(true);
});

test('a password that is wrong at the start is a store that is away, until it is right', async () => {
  const redis = await startRedis({ password: 'right' });
  const url = `redis://:wrong@127.0.0.1:${redis.port}`;
  const gateway = await startFleetGateway(fleetConfig(url, open));
  expect((await askAll([gateway.url], 30, 'a')).statuses).toEqual({ 200: 30 });
  await gateway.storeIs(false);
  expect(await redis.command('CONFIG', 'SET', 'requirepass', 'wrong')).toBe('OK');
  await gateway.storeIs(true);
  await until('the limit to hold', async () => (await askAll([gateway.url], 30, 'b')).statuses[429] ?? 0);
});

const failovers: Record<string, (set: SentinelSet) => Promise<void>> = {
  // The old primary goes on taking writes until the Sentinel has told it.
  'is asked for': (set) => set.failover(),
  'follows the end of the primary': (set) => set.servers[0].kill(),
};

test.each(Object.entries(failovers))(
  'a failover by Sentinel that %s is survived',
  async (_, fails) => {
    const set = await startSentinel();
    const gateway = await startFleetGateway(fleetConfig(set.url, open, '200ms'));
    await gateway.storeIs(true);
    expect((await askAll([gateway.url], 30, 'a')).statuses).toEqual({ 200: 20, 429: 10 });
    const before = await set.servers[0].command('KEYS', '*limit*');
    await fails(set);
    const isAsked = async (): Promise<boolean> => {
      await askAll([gateway.url], 3, 'b');
      // While it is promoted it resets connections.
      const keys = await set.servers[1].command('KEYS', '*limit*').catch(() => '');
      return keys.split('\n').some((key) => key !== '' && !before.includes(key));
    };
    await until('the new primary to be asked', isAsked, 40_000);
    await gateway.storeIs(true);
    await until('the limit to hold', async () => (await askAll([gateway.url], 30, 'c')).statuses[429] ?? 0);
  },
  60_000,
);

test('a slot of a cluster moves, and its limit goes with it', async () => {
  const cluster = await startCluster();
  const gateway = await startFleetGateway(
    fleetConfig(cluster.url, { mode: 'exact', fallback: 'closed' }, '2s'),
  );
  await gateway.storeIs(true);
  expect((await askAll([gateway.url], 15, 'a')).statuses).toEqual({ 200: 15 });
  const keys = await Promise.all(cluster.nodes.map((node) => node.command('KEYS', '*limit*')));
  const at = keys.findIndex((found) => found !== '');
  const other = cluster.nodes[(at + 1) % 3];
  if (other === undefined) throw new Error('there are three');
  await cluster.moveSlot(await cluster.slotOf(keys[at] ?? ''), other);
  expect((await askAll([gateway.url], 15, 'a')).statuses).toEqual({ 200: 5, 429: 10 });
  expect(await gateway.count('ferrogate_limit_fallbacks_total')).toBe(0);
});
