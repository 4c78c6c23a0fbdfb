// A limit in leased mode: two gateway processes spend shares of one bucket, ask Redis seldom, and stay within the bound.
import { expect, test } from 'vitest';
import type { GatewayConfig } from '../../src/index.ts';
import { startChildGateway } from '../support/children.ts';
import { askAll, counter, fleetConfig, startFleetGateway } from '../support/fleet.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const native = { listener: 'native', threads: 'loop' } as const;
/** Less than any machine asks for. */
const limit = { rate: 20, per: '1s', burst: 80, key: 'route' } as const;

/** Keeps asking until `end`, over 8 connections to each gateway; gives answers by status. */
async function load(urls: readonly string[], end: () => boolean): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  const lane = async (url: string): Promise<void> => {
    while (!end()) {
      const answer = await fetch(`${url}/x`);
      await answer.arrayBuffer();
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    }
  };
  await Promise.all(urls.flatMap((url) => Array.from({ length: 8 }, () => lane(url))));
  return statuses;
}

test('two processes together pass no more than the quota and what they may hold', async (context) => {
  const redis = await startRedis();
  const upstream = await startUpstream((_, response) => response.end('x'), { keepAliveMs: 60_000 });
  const config: GatewayConfig = {
    stores: { main: { url: redis.url, timeout: '2s' } },
    limits: { fleet: { ...limit, store: 'main', mode: 'leased', fallback: 'closed' } },
    upstreams: { back: { targets: [upstream.url] } },
    routes: [{ id: 'x', match: { path: '/x' }, upstream: 'back', limits: ['fleet'] }],
  };
  const started = () => startChildGateway(config, { listen: { ...native, port: 0, admin: { port: 0 } } });
  const gateways = [await started(), await started()];
  const urls = gateways.map(({ url }) => url);
  const counts = gateways.map(({ adminUrl }) => counter(adminUrl));
  const sum = async (name: string): Promise<number> => {
    const all = await Promise.all(counts.map((count) => count(name)));
    return all.reduce((a, b) => a + b);
  };
  // Each gateway hears of the other when it says again that it is there.
  await until(
    'the gateways to know of each other',
    async () => (await sum('ferrogate_store_gateways')) === 4,
  );

  const begun = performance.now();
  const statuses = await load(urls, () => performance.now() - begun > 3000);
  const seconds = (performance.now() - begun) / 1000;
  const allowed = statuses[200] ?? 0;
  const quota = 80 + Math.ceil(20 * seconds);
  const calls = await sum('ferrogate_store_requests_total');
  const asked = allowed + (statuses[429] ?? 0);
  const over = Math.max(0, allowed - quota);
  const told = `allowed ${allowed}, quota ${quota}, over ${over} (bound 40), ${calls} calls for ${asked} requests`;
  process.stdout.write(`leased, two processes: ${told}\n`);
  await context.annotate(told);
  expect(Object.keys(statuses).filter((status) => !['200', '429'].includes(status))).toEqual([]);
  expect(allowed).toBeLessThanOrEqual(quota + 40);
  expect(allowed).toBeGreaterThan(quota * 0.6);
  expect(statuses[429]).toBeGreaterThan(0);
  // Five calls of each gateway bring its lease to its size; one that found too little pauses for a quarter of a second.
  expect(calls - 10).toBeLessThanOrEqual(2 * 4 * seconds + 2);

  // One dies with what it holds; the other gives back what it does not need.
  gateways[0]?.process.kill('SIGKILL');
  const held = async (): Promise<number[]> => [
    (await counts[1]?.('ferrogate_store_leased_tokens')) ?? -1,
    (await counts[1]?.('ferrogate_store_leases')) ?? -1,
  ];
  await until('unused tokens to go back', async () => (await held()).join() === '0,0');
});

test('a lease is spent without Redis, then the fallback decides, and tokens go back at the end', async () => {
  const redis = await startRedis();
  const config = fleetConfig(
    redis.url,
    { rate: 100, per: '1h', burst: 100, mode: 'leased', fallback: 'closed' },
    '500ms',
  );
  const first = await startFleetGateway(config);
  await first.storeIs(true);
  // Leases grow with what is asked for: 1, then 4, then 16.
  for (let asked = 0; asked < 30; asked += 1) expect((await askAll([first.url], 1, 'a')).allowed).toBe(1);
  const held = await first.count('ferrogate_store_leased_tokens');
  expect(held).toBeGreaterThan(0);
  await redis.kill();
  await first.storeIs(false);
  const { statuses } = await askAll([first.url], held + 20, 'a');
  expect(statuses[503]).toBeGreaterThanOrEqual(20);
  expect(statuses[200] ?? 0).toBeLessThanOrEqual(held);

  await redis.restart();
  await first.storeIs(true);
  expect((await askAll([first.url], 1, 'b')).allowed).toBe(1);
  for (let asked = 0; asked < 30; asked += 1) expect((await askAll([first.url], 1, 'b')).allowed).toBe(1);
  await first.gateway.close();
  // What it did not spend is there again for others: 31 of 100 are gone.
  const exact = await startFleetGateway(
    fleetConfig(redis.url, { rate: 100, per: '1h', burst: 100, mode: 'exact', fallback: 'closed' }, '2s'),
  );
  await until('the tokens to be back', async () => {
    const answer = await fetch(`${exact.url}/x`, { headers: { 'X-Key': 'b' } });
    const left = Number(/r=(\d+)/.exec(answer.headers.get('ratelimit') ?? '')?.[1]);
    return left > 55 && left < 69;
  });
});
