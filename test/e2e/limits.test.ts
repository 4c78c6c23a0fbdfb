// Token buckets on real requests: keys, several limits, what headers say, and what counts.
import { describe, expect, it } from 'vitest';
import type { GatewayConfig, LimitConfig } from '../../src/index.ts';
import { makeGateway, metric, startGateway, type TestGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';

const hourly = (rate: number, more: Partial<LimitConfig> = {}): LimitConfig => ({ rate, per: '1h', ...more });

function limited(limits: GatewayConfig['limits'], use: string[], more: GatewayConfig = {}): TestGateway {
  const made = makeGateway({ limits, ...more });
  made.gateway.get('/a', { limits: use }, () => 'a').get('/b', { limits: use }, () => 'b');
  return made;
}

type Send = { url?: string; headers?: Record<string, string>; ip?: string };
const statuses = async ({ gateway }: TestGateway, ...requests: Send[]): Promise<number[]> => {
  const seen: number[] = [];
  for (const request of requests) seen.push((await gateway.inject({ url: '/a', ...request })).status);
  return seen;
};

describe('what a limited route says', () => {
  it('RateLimit and RateLimit-Policy on every answer, 429 with Retry-After that agrees', async () => {
    const { url, gateway } = await startGateway(
      { limits: { perClient: { rate: 2, per: '10s' } } },
      (made) => {
        made.get('/a', { limits: ['perClient'] }, () => 'a').get('/free', () => 'free');
      },
    );
    const first = await fetch(`${url}/a`);
    expect(first.headers.get('ratelimit')).toMatch(/^"perClient";r=1;t=[1-5]$/);
    expect(first.headers.get('ratelimit-policy')).toBe('"perClient";q=2;w=10');
    expect((await fetch(`${url}/a`)).headers.get('ratelimit')).toMatch(/^"perClient";r=0;t=\d+$/);
    const refused = await fetch(`${url}/a`);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ status: 429, code: 'rate_limited', instance: '/a' });
    const [, wait] = /^"perClient";r=0;t=(\d+)$/.exec(refused.headers.get('ratelimit') ?? '') ?? [];
    expect(refused.headers.get('retry-after')).toBe(wait);
    expect(Number(wait)).toBeGreaterThanOrEqual(1);
    expect((await fetch(`${url}/free`)).headers.get('ratelimit')).toBeNull();
    expect(
      await metric(gateway, 'ferrogate_limit_decisions_total', { limit: 'perClient', outcome: 'refused' }),
    ).toBe(1);
    expect(
      await metric(gateway, 'ferrogate_limit_decisions_total', { limit: 'perClient', outcome: 'allowed' }),
    ).toBe(2);
  });

  it('a burst above the rate is the capacity', async () => {
    const made = limited({ l: { rate: 1, per: '1h', burst: 3 } }, ['l']);
    expect(await statuses(made, {}, {}, {}, {})).toEqual([200, 200, 200, 429]);
  });
});

describe('keys', () => {
  it('client: IPv4 also when mapped, IPv6 by /64', async () => {
    const made = limited({ l: hourly(1) }, ['l']);
    const ips = [
      '10.0.0.1',
      '10.0.0.2',
      '::ffff:10.0.0.1',
      '2001:db8::1',
      '2001:db8::ffff:1',
      '2001:db8:0:1::1',
    ];
    expect(await statuses(made, ...ips.map((ip) => ({ ip })))).toEqual([200, 200, 429, 200, 429, 200]);
  });

  it('route: one bucket for each route and all clients', async () => {
    const made = limited({ l: hourly(1, { key: 'route' }) }, ['l']);
    const sent = [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }, { url: '/b' }, { url: '/b' }];
    expect(await statuses(made, ...sent)).toEqual([200, 429, 200, 429]);
  });

  it('client: one bucket over all routes that name the limit', async () => {
    const made = limited({ l: hourly(1) }, ['l']);
    expect(await statuses(made, {}, { url: '/b' })).toEqual([200, 429]);
  });

  it('header: by its value; without it by the client, never unlimited', async () => {
    const made = limited({ l: hourly(1, { key: 'header:X-Key' }) }, ['l']);
    const key = (value: string): Send => ({ headers: { 'x-key': value } });
    expect(await statuses(made, key('a'), key('b'), key('a'), {}, {})).toEqual([200, 200, 429, 200, 429]);
  });

  it('claim: by its value, after the token', async () => {
    const key = signingKey('main');
    const made = makeGateway({
      issuers: { main: { issuer: 'https://id.test', audience: false, jwks: { keys: [key.jwk] } } },
      limits: { l: hourly(1, { key: 'claim:tenant' }) },
    });
    made.gateway.get('/a', { jwt: 'main', limits: ['l'] }, () => 'a');
    const of = (tenant?: unknown): Send => {
      const claims = { ...goodClaims('https://id.test'), tenant };
      return { headers: { authorization: `Bearer ${signToken(key, claims)}` } };
    };
    const sent = [of('t1'), of('t2'), of('t1'), {}, of(), of(), of(7), of(7)];
    expect(await statuses(made, ...sent)).toEqual([200, 200, 429, 401, 200, 429, 200, 429]);
  });
});

describe('several limits', () => {
  it('take tokens only if all allow', async () => {
    const made = limited({ small: hourly(1, { key: 'header:X-Key' }), large: hourly(3) }, ['small', 'large']);
    const key = (value: string): Send => ({ headers: { 'x-key': value } });
    const sent = [key('a'), key('a'), key('a'), key('b'), key('c'), key('d')];
    expect(await statuses(made, ...sent)).toEqual([200, 429, 429, 200, 200, 429]);
  });

  it('of the listener count every request, 404 too, before those of the route', async () => {
    const made = limited({ all: hourly(3) }, [], { listen: { limits: ['all'] } });
    const sent = [{ url: '/none' }, { url: '/a' }, { url: '/none' }, { url: '/a' }, { url: '/none' }];
    expect(await statuses(made, ...sent)).toEqual([404, 200, 404, 429, 429]);
  });
});

describe('a reload', () => {
  const config = (rate: number): GatewayConfig => ({ limits: { l: hourly(rate) } });
  it('keeps buckets, and never refills when a quota changes', async () => {
    const made = limited(config(2).limits, ['l']);
    expect(await statuses(made, {}, {}, {})).toEqual([200, 200, 429]);
    await made.gateway.reload(config(2));
    expect(await statuses(made, {})).toEqual([429]);
    await made.gateway.reload(config(1));
    expect(await statuses(made, {})).toEqual([429]);
  });

  it('keeps the generation and everything else when it is wrong', async () => {
    const made = limited(config(2).limits, ['l']);
    const before = await made.gateway.applied();
    await expect(made.gateway.reload({ limits: {} })).rejects.toMatchObject({
      code: 'ERR_FG_CONFIG_INVALID',
    });
    await expect(made.gateway.reload({ nonsense: 1 } as never)).rejects.toMatchObject({
      code: 'ERR_FG_CONFIG_INVALID',
    });
    expect(await made.gateway.applied()).toBe(before);
    expect(await statuses(made, {}, {}, {})).toEqual([200, 200, 429]);
  });
});
