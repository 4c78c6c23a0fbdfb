// Denied tokens in one process, and in two gateways that share a real Redis: alone, gone, paused, forgetful, as a cluster.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DenyListConfig, Gateway, GatewayConfig } from '../../src/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { type RedisServer, startCluster, startRedis, startSentinel } from '../support/redis.ts';
import { until } from '../support/until.ts';

const issuer = 'https://id.test';
const key = signingKey('main');
const iat = Math.floor(Date.now() / 1000) - 10;
const token = (claims: object = {}): string => signToken(key, { ...goodClaims(issuer), iat, ...claims });
const main = { issuer, audience: ['test'], jwks: { keys: [key.jwk] } };

function configOf(denyList: DenyListConfig | boolean, url?: string): GatewayConfig {
  return {
    ...(url === undefined ? {} : { stores: { main: { url } } }),
    issuers: { main: { ...main, denyList } },
  };
}

function start(denyList: DenyListConfig | boolean, url?: string): TestGateway {
  const made = makeGateway(configOf(denyList, url));
  made.gateway.get('/', { jwt: 'main' }, () => 'in');
  if (url !== undefined)
    made.gateway.get('/open', { jwt: { issuer: 'main', denyListFallback: 'open' } }, () => 'in');
  return made;
}

async function ask(gateway: Gateway, bearer: string, url = '/'): Promise<number> {
  const answer = await gateway.inject({ url, headers: { authorization: `Bearer ${bearer}` } });
  return answer.status;
}

const becomes = (gateway: Gateway, bearer: string, status: number): Promise<unknown> =>
  until(`${status}`, async () => (await ask(gateway, bearer)) === status);

/** Two gateways that share a store, both in step with it. */
async function pair(url: string, more: DenyListConfig = {}): Promise<[TestGateway, TestGateway]> {
  const both: [TestGateway, TestGateway] = [
    start({ store: 'main', ...more }, url),
    start({ store: 'main', ...more }, url),
  ];
  for (const { gateway } of both) await becomes(gateway, token(), 200);
  return both;
}

describe('a list of one process', () => {
  it('denies a token, a session and a subject from its next request on, and takes it back', async () => {
    const { gateway } = start(true);
    const mine = token({ jti: 'a', sid: 's' });
    const other = token({ jti: 'b', sub: 'bob' });
    for (const tokens of [
      { issuer: 'main', jti: 'a' },
      { issuer: 'main', session: 's' },
      { issuer: 'main', subject: 'ada' },
    ]) {
      expect([await ask(gateway, mine), await ask(gateway, other)]).toEqual([200, 200]);
      await gateway.deny(tokens);
      expect([await ask(gateway, mine), await ask(gateway, other)]).toEqual([401, 200]);
      await gateway.undeny(tokens);
    }
    await gateway.deny({ issuer: 'main', subject: 'ada', issuedBefore: iat });
    expect(await ask(gateway, mine)).toBe(200);
  });

  it('tells why, keeps its entries over a reload and is bounded', async () => {
    const { gateway } = start({ maxEntries: 1 });
    await gateway.deny({ issuer: 'main', jti: 'a' });
    await expect(gateway.deny({ issuer: 'main', jti: 'b' })).rejects.toMatchObject({
      code: 'ERR_FG_DENY_LIST_FULL',
    });
    await gateway.reload(configOf({ maxEntries: 2 }));
    await gateway.deny({ issuer: 'main', jti: 'b' });
    const headers = { authorization: `Bearer ${token({ jti: 'a' })}` };
    const answer = await gateway.inject({ url: '/', headers });
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(await answer.json()).toMatchObject({
      status: 401,
      code: 'token_invalid',
      detail: 'the token was revoked',
    });
    const steps = gateway.explain('GET', 'http://x/', headers).steps;
    expect(steps.at(-1)).toMatchObject({ step: 'token', outcome: 'token_invalid' });
    await expect(gateway.deny({ issuer: 'none', jti: 'a' })).rejects.toMatchObject({
      code: 'ERR_FG_CONFIG_INVALID',
    });
  });
});

describe('a list of two gateways', () => {
  it('is changed in both by either', async () => {
    const redis = await startRedis();
    const [one, two] = await pair(redis.url);
    const mine = token({ jti: 'a' });
    const took: number[] = [];
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      const began = performance.now();
      await from.gateway.deny({ issuer: 'main', jti: 'a' });
      expect(await ask(from.gateway, mine), 'in force where it was asked for').toBe(401);
      await becomes(to.gateway, mine, 401);
      took.push(performance.now() - began);
      await to.gateway.undeny({ issuer: 'main', jti: 'a' });
      await becomes(from.gateway, mine, 200);
    }
    console.log(`in force in the other gateway after ${took.map((ms) => `${ms.toFixed(1)} ms`).join(', ')}`);
  });

  it('repairs what no message told, and reads what was there before it began', async () => {
    const redis = await startRedis();
    const [one] = await pair(redis.url, { refresh: '50ms' });
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await redis.command(
      'HSET',
      'ferrogate:deny:{main}',
      'jti:a',
      `${iat + 3600}:0`,
      '@version',
      7,
      '@epoch',
      'x',
    );
    const began = performance.now();
    await becomes(one.gateway, token({ jti: 'a' }), 401);
    console.log(`a change that nobody told of: in force after ${(performance.now() - began).toFixed(0)} ms`);
    const late = start({ store: 'main' }, redis.url);
    await becomes(late.gateway, token(), 200);
    expect(await ask(late.gateway, token({ jti: 'a' }))).toBe(401);
  });

  it('without its store answers by the fallback, holds what is denied, and comes back by itself', async () => {
    const redis = await startRedis();
    const [one, two] = await pair(redis.url, { refresh: '50ms', maxStale: '1s' });
    const denied = token({ jti: 'a' });
    await one.gateway.deny({ issuer: 'main', jti: 'a' });
    await becomes(two.gateway, denied, 401);
    await redis.kill();
    await expect(one.gateway.deny({ issuer: 'main', jti: 'b' })).rejects.toMatchObject({
      code: 'ERR_FG_DENY_LIST_UNAVAILABLE',
    });
    await becomes(two.gateway, token(), 503);
    const answer = await two.gateway.inject({ url: '/', headers: { authorization: `Bearer ${token()}` } });
    expect([await answer.json(), answer.headers.get('retry-after')]).toMatchObject([
      { code: 'deny_list_unavailable' },
      '1',
    ]);
    expect(await ask(two.gateway, token(), '/open')).toBe(200);
    expect(await ask(two.gateway, denied, '/open'), 'what is known to be denied').toBe(401);
    await redis.restart();
    for (const { gateway } of [one, two]) {
      await becomes(gateway, token(), 200);
      expect(await ask(gateway, denied), 'the store lost it, the gateways did not').toBe(401);
    }
    await until('the store to have it again', async () =>
      (await redis.command('HEXISTS', 'ferrogate:deny:{main}', 'jti:a')).includes('1'),
    );
    await two.gateway.undeny({ issuer: 'main', jti: 'a' });
    await becomes(one.gateway, denied, 200);
  });

  it('with a store that stands still answers by the fallback, and goes on when it does', async () => {
    const redis = await startRedis();
    const [one] = await pair(redis.url, { refresh: '50ms', maxStale: '1s' });
    redis.pause();
    onTestFinished(() => redis.resume());
    await becomes(one.gateway, token(), 503);
    redis.resume();
    await becomes(one.gateway, token(), 200);
  });
});

describe('a store of more than one server', () => {
  async function spreads(url: string): Promise<[TestGateway, TestGateway]> {
    const both = await pair(url, { refresh: '50ms' });
    await both[0].gateway.deny({ issuer: 'main', jti: 'a' });
    await becomes(both[1].gateway, token({ jti: 'a' }), 401);
    return both;
  }

  it('a cluster, also after the slot of the list moved', async () => {
    const cluster = await startCluster();
    const [one, two] = await spreads(cluster.url);
    const slot = await cluster.slotOf('ferrogate:deny:{main}');
    const owner = await cluster.ownerOf(slot);
    await cluster.moveSlot(slot, cluster.nodes.find((node) => node !== owner) as RedisServer);
    await two.gateway.deny({ issuer: 'main', jti: 'b' });
    await becomes(one.gateway, token({ jti: 'b' }), 401);
    expect(await ask(one.gateway, token({ jti: 'a' }))).toBe(401);
  });

  it('a primary and its replica, also after a failover', async () => {
    const set = await startSentinel();
    const [one, two] = await spreads(set.url);
    await set.failover();
    await until('the next primary to take a change', () =>
      two.gateway.deny({ issuer: 'main', jti: 'b' }).then(
        () => true,
        () => false,
      ),
    );
    await becomes(one.gateway, token({ jti: 'b' }), 401);
    expect(await ask(one.gateway, token({ jti: 'a' }))).toBe(401);
  });
});
