// The Redis servers of the tests themselves: Sentinels name a primary and promote the replica, a cluster moves a slot.
import { expect, test } from 'vitest';
import { startCluster, startRedis, startSentinel } from '../support/redis.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

test('a server stands still, goes on, ends and comes back empty', async () => {
  const server = await startRedis({ password: 'secret' });
  expect(await server.command('SET', 'a', '1')).toBe('OK');
  server.pause();
  const answer = server.command('GET', 'a');
  server.resume();
  expect(await answer).toBe('1');
  await server.kill();
  await expect(server.command('PING')).rejects.toThrow('Could not connect');
  await server.restart();
  expect(await server.command('GET', 'a')).toBe('');
});

test('Sentinels promote the replica', async () => {
  const set = await startSentinel();
  const before = await set.primary();
  expect(before).toBe(set.servers[0]);
  await set.failover();
  expect(await set.primary()).toBe(set.servers[1]);
});

test('a cluster has every slot, and a slot moves with its keys', async () => {
  const cluster = await startCluster();
  const slot = await cluster.slotOf('{x}');
  const owner = await cluster.ownerOf(slot);
  const other = cluster.nodes.find((node) => node !== owner);
  if (other === undefined) throw new Error('there are three');
  await owner.command('SET', '{x}', '1');
  await cluster.moveSlot(slot, other);
  expect(await cluster.ownerOf(slot)).toBe(other);
  expect(await other.command('GET', '{x}')).toBe('1');
  expect(await owner.command('GET', '{x}')).toContain('MOVED');
});

test('a proxy delays, and swallows', async () => {
  const server = await startRedis();
  const proxy = await startTcpProxy(server.port);
  const { Redis } = await import('ioredis');
  const client = new Redis({ port: proxy.port, commandTimeout: 5000 });
  client.on('error', () => {});
  expect(await client.ping()).toBe('PONG');
  proxy.latency = 50;
  const begun = performance.now();
  expect(await client.ping()).toBe('PONG');
  expect(performance.now() - begun).toBeGreaterThan(95);
  proxy.latency = 0;
  proxy.blackHole = true;
  const swallowed = client.ping().catch((error: Error) => error.message);
  client.disconnect();
  expect(await swallowed).toContain('closed');
});
