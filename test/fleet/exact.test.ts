// A limit in exact mode: two gateways that share a Redis allow what one bucket would, on every way to serve a request.
import { expect, test } from 'vitest';
import type { GatewayConfig, ListenOverrides } from '../../src/index.ts';
import { askAll, fleetConfig, startFleetGateway } from '../support/fleet.ts';
import { isLoaded } from '../support/listeners.ts';
import { startRedis } from '../support/redis.ts';

const drives: Record<string, ListenOverrides> = {
  loop: { listener: 'native', threads: 'loop' },
  threads: { listener: 'native', threads: 1 },
  ...(isLoaded('uws') ? { uws: { listener: 'uws' } } : {}),
};

test.each(Object.entries(drives))('two gateways are one bucket, %s', async (_, drive) => {
  const redis = await startRedis();
  const config = fleetConfig(redis.url, { mode: 'exact', fallback: 'closed' }, '2s');
  const gateways = [await startFleetGateway(config, drive), await startFleetGateway(config, drive)];
  await Promise.all(gateways.map((gateway) => gateway.storeIs(true)));
  const urls = gateways.map(({ url }) => url);
  const { statuses } = await askAll(urls, 60, 'secret-key');
  expect(statuses).toEqual({ 200: 20, 429: 40 });
  expect((await askAll(urls, 4, 'another')).statuses).toEqual({ 200: 4 });

  const refused = await fetch(`${urls[0]}/x`, { headers: { 'X-Key': 'secret-key' } });
  expect(refused.headers.get('ratelimit')).toMatch(/^"fleet";r=0;t=3[56]\d\d$/);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000);

  const keys = (await redis.command('KEYS', '*')).split('\n');
  expect(keys.filter((key) => /^ferrogate:limit:fleet:\{[0-9a-f]{32}\}$/.test(key))).toHaveLength(2);
  expect(keys.join()).not.toContain('secret');
  for (const key of keys) expect(Number(await redis.command('PTTL', key))).toBeGreaterThan(0);
  for (const { count } of gateways) {
    expect(await count('ferrogate_store_up')).toBe(1);
    expect(await count('ferrogate_limit_fallbacks_total')).toBe(0);
    expect(await count('ferrogate_parked_requests')).toBe(0);
  }
});

test('what a limit of the listener waits for is counted under its route', async () => {
  const redis = await startRedis();
  const { stores, limits } = fleetConfig(redis.url, { mode: 'exact', fallback: 'closed' }, '2s');
  const whole = { rate: 10, per: '1h', store: 'main', mode: 'exact', fallback: 'closed' } as const;
  const config: GatewayConfig = {
    stores: { ...stores },
    limits: { ...limits, whole },
    listen: { limits: ['whole'] },
  };
  const { url, count } = await startFleetGateway(config);
  expect((await askAll([url], 12, 'a')).statuses).toEqual({ 200: 10, 429: 2 });
  const of = (endpoint: string): Promise<number> => count('ferrogate_http_requests_total', { endpoint });
  expect([await of('x'), await of('unmatched')]).toEqual([10, 2]);
  expect(await count('ferrogate_http_requests_in_flight')).toBe(0);
});

test('Redis forgets the script, and nobody notices', async () => {
  const redis = await startRedis();
  const { url, count } = await startFleetGateway(fleetConfig(redis.url, { mode: 'exact' }, '2s'));
  expect((await askAll([url], 5, 'a')).allowed).toBe(5);
  expect(await redis.command('SCRIPT', 'FLUSH')).toBe('OK');
  expect((await askAll([url], 30, 'a')).statuses).toEqual({ 200: 15, 429: 15 });
  expect(await count('ferrogate_limit_fallbacks_total')).toBe(0);
});

test('tokens come back by the clock of Redis', async () => {
  const redis = await startRedis();
  const limit = { mode: 'exact', rate: 1000, per: '1s', burst: 10 } as const;
  const { url } = await startFleetGateway(fleetConfig(redis.url, limit, '2s'));
  const begun = performance.now();
  let allowed = 0;
  for (let round = 0; round < 20; round += 1) allowed += (await askAll([url], 20, 'a')).allowed;
  const seconds = (performance.now() - begun) / 1000;
  expect(allowed).toBeGreaterThan(10);
  expect(allowed).toBeLessThanOrEqual(10 + Math.ceil(seconds * 1000));
});
