// Limits of every kind on real requests: what counts, what comes back, what is told, and numbers pushed at run time.
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Gateway, GatewayConfig, LimitConfig } from '../../src/index.ts';
import { type ListeningGateway, makeGateway, metric, startGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const address = '127.0.0.1';

function limited(limit: LimitConfig, more: GatewayConfig = {}): Gateway {
  const { gateway } = makeGateway({ limits: { l: limit }, ...more });
  gateway.get('/a', { limits: ['l'] }, () => 'a').get('/b', { limits: ['l'] }, () => 'b');
  return gateway;
}

/** The same with an admin listener, which tells metrics. */
async function served(limit: LimitConfig): Promise<Gateway> {
  const { gateway } = await startGateway({ limits: { l: limit } }, (made) => {
    made.get('/a', { limits: ['l'] }, () => 'a');
  });
  return gateway;
}

type Send = { url?: string; headers?: Record<string, string>; ip?: string };
async function statuses(gateway: Gateway, ...requests: Send[]): Promise<number[]> {
  const seen: number[] = [];
  for (const request of requests) {
    const answer = await gateway.inject({ url: '/a', ...request });
    await answer.text();
    seen.push(answer.status);
  }
  return seen;
}

/** A handler that answers when it is told to, on a route with a limit of one request in flight. */
async function held(): Promise<ListeningGateway & { release: () => void; running: () => number }> {
  const waiting: (() => void)[] = [];
  const limits = { one: { algorithm: 'concurrency', maxInFlight: 1 } } as const;
  const started = await startGateway({ limits }, (made) => {
    made.get(
      '/held',
      { limits: ['one'] },
      () => new Promise((resolve) => waiting.push(() => resolve('done'))),
    );
    made.get('/quick', { limits: ['one'] }, () => 'quick');
  });
  return { ...started, release: () => waiting.shift()?.(), running: () => waiting.length };
}

describe('windows', () => {
  it('slide, or end with the day', async () => {
    const sliding = limited({ algorithm: 'sliding-window', rate: 2, per: '1h' });
    expect(await statuses(sliding, {}, {}, {}, { ip: '10.0.0.9' })).toEqual([200, 200, 429, 200]);
    const daily = limited({ algorithm: 'fixed-window', rate: 2, per: '1d' });
    expect(await statuses(daily, {}, {}, {})).toEqual([200, 200, 429]);
    const refused = await daily.inject('/a');
    const left = 86_400 - (Math.floor(Date.now() / 1000) % 86_400);
    expect(Math.abs(Number(refused.headers.get('retry-after')) - left)).toBeLessThanOrEqual(2);
    expect(refused.headers.get('ratelimit-policy')).toBe('"l";q=2;w=86400');
  });
});

describe('concurrency', () => {
  it('refuses while one is in flight, and not after its end', async () => {
    const { url, release, running } = await held();
    const first = fetch(`${url}/held`);
    await until('the handler to run', () => running() === 1);
    const refused = await fetch(`${url}/quick`);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('ratelimit')).toBe('"one";r=0');
    expect(refused.headers.get('ratelimit-policy')).toBe('"one";q=1;qu="concurrent-requests"');
    expect(await refused.json()).toMatchObject({ code: 'rate_limited', 'violated-policies': ['one'] });
    release();
    expect(await (await first).text()).toBe('done');
    await until('the place', async () => (await fetch(`${url}/quick`)).status === 200);
  });

  it('gives the place back when the client goes away', async () => {
    const { url, port, running } = await held();
    for (let round = 0; round < 3; round++) {
      const socket = connect(port, address);
      socket.on('error', () => {});
      socket.write('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
      await until('the handler to run', () => running() > round);
      socket.resetAndDestroy();
      await until('the place', async () => (await fetch(`${url}/quick`)).status === 200);
    }
  });

  it('holds it as long as the upstream answers', async () => {
    const upstream = await startUpstream((_, res) => {
      res.write('begun');
      ends.push(() => res.end('.'));
    });
    const ends: (() => void)[] = [];
    const { url } = await startGateway({
      limits: { one: { algorithm: 'concurrency', maxInFlight: 1, key: 'route' } },
      upstreams: { u: { targets: [upstream.url] } },
      routes: [{ match: { path: '/up' }, upstream: 'u', limits: ['one'] }],
    });
    const first = await fetch(`${url}/up`);
    expect(first.status).toBe(200);
    expect((await fetch(`${url}/up`)).status).toBe(429);
    ends.shift()?.();
    expect(await first.text()).toBe('begun.');
    await until('the place', async () => {
      const next = await fetch(`${url}/up`);
      if (next.status === 200) ends.shift()?.();
      await next.text();
      return next.status === 200;
    });
  });
});

describe('adaptive', () => {
  it('lets its floor through and tells its bound', async () => {
    const gateway = await served({ algorithm: 'adaptive', floor: 30, ceiling: 40 });
    const answers = await Promise.all(Array.from({ length: 30 }, () => gateway.inject('/a')));
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"l";q=40;qu="concurrent-requests"');
    expect(await metric(gateway, 'ferrogate_limit_adaptive_bound', { limit: 'l' })).toBeGreaterThanOrEqual(
      30,
    );
  });
});

describe('what a request costs', () => {
  it('a header of a trusted peer, and of no other', async () => {
    const limit: LimitConfig = { rate: 10, per: '1h', cost: 'header:x-cost' };
    const send = { headers: { 'x-cost': '6' } };
    const trusting = limited(limit, { listen: { trustedProxies: [address] } });
    expect(await statuses(trusting, send, send, {})).toEqual([200, 429, 200]);
    expect(await statuses(limited(limit), send, send, send)).toEqual([200, 200, 200]);
  });

  it('the bytes of the answer, paid by the next', async () => {
    const { gateway } = makeGateway({ limits: { l: { rate: 1000, per: '1h', cost: 'response-bytes' } } });
    gateway.get('/a', { limits: ['l'] }, () => 'x'.repeat(600));
    expect(await statuses(gateway, {}, {}, {})).toEqual([200, 200, 429]);
  });
});

describe('keys and headers', () => {
  it('of several parts', async () => {
    const gateway = limited({ rate: 1, per: '1h', key: ['header:x-tenant', 'route'] });
    const of = (tenant: string, url = '/a'): Send => ({ url, headers: { 'x-tenant': tenant } });
    const sent = [of('t1'), of('t1'), of('t1', '/b'), of('t2'), {}, {}, { ip: '10.0.0.9' }];
    expect(await statuses(gateway, ...sent)).toEqual([200, 429, 200, 200, 200, 429, 200]);
  });

  it('older ones where they are wanted, those of the upstream replaced', async () => {
    const upstream = await startUpstream((_, res) => {
      res.setHeader('X-RateLimit-Limit', 'theirs').end();
    });
    const { gateway } = makeGateway({
      limits: { l: { rate: 5, per: '1h', legacyHeaders: true } },
      upstreams: { u: { targets: [upstream.url] } },
      routes: [
        { match: { path: '/a' }, upstream: 'u', limits: ['l'] },
        { match: { path: '/b' }, upstream: 'u' },
      ],
    });
    const told = await gateway.inject('/a');
    const names = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'];
    expect(names.map((name) => told.headers.get(name))).toEqual(['5', '4', '720']);
    expect((await gateway.inject('/b')).headers.get('x-ratelimit-limit')).toBe('theirs');
  });

  it('a shadow refuses nobody and is told by the metric alone', async () => {
    const gateway = await served({ rate: 1, per: '1h', shadow: true });
    expect(await statuses(gateway, {}, {}, {})).toEqual([200, 200, 200]);
    expect((await gateway.inject('/a')).headers.get('ratelimit')).toBeNull();
    const labels = { limit: 'l', outcome: 'shadow_refused' };
    expect(await metric(gateway, 'ferrogate_limit_decisions_total', labels)).toBe(3);
  });
});

describe('overrides', () => {
  it('count at once, outlive a reload, and end', async () => {
    const limit = { rate: 1, per: '1h' } as const;
    const gateway = await served(limit);
    gateway.setLimitOverride('l', address, { rate: 1, per: '1h', burst: 3 });
    expect(await statuses(gateway, {}, {})).toEqual([200, 200]);
    await gateway.reload({ limits: { l: limit } });
    expect(await statuses(gateway, {}, {}, { ip: '10.0.0.9' }, { ip: '10.0.0.9' })).toEqual([
      200, 429, 200, 429,
    ]);
    expect(gateway.limitOverrides()).toEqual([
      { limit: 'l', key: [address], rule: { rate: 1, burst: 3, per: '3600000ms' } },
    ]);
    expect(await metric(gateway, 'ferrogate_limit_overrides', {})).toBe(1);
    gateway.setLimitOverride('l', address, null);
    expect(gateway.limitOverrides()).toEqual([]);
  });

  it('that fit nothing are refused and change nothing', () => {
    const gateway = limited({ rate: 1, per: '1h' });
    const cases: [Parameters<Gateway['setLimitOverride']>, RegExp][] = [
      [['none', address, { rate: 1, per: '1s' }], /no limit is named "none"/],
      [['l', 'host', { rate: 1, per: '1s' }], /expected an IP address/],
      [['l', [address, 'x'], { rate: 1, per: '1s' }], /expected 1 values/],
      [['l', address, { rate: 1 }], /rate and per must be positive/],
      [['l', address, { rate: 0.5, per: '1s' }], /override\.rate: expected an integer/],
      [['l', address, { rate: 1, per: '1y' }], /override\.per: expected a duration/],
      [['l', address, { maxInFlight: 1 }], /expected rate, per and burst/],
      [['l', address, { speed: 1 } as never], /override\.speed: expected one of/],
    ];
    for (const [call, message] of cases) {
      expect(() => gateway.setLimitOverride(...call)).toThrowError(
        expect.objectContaining({ code: 'ERR_FG_CONFIG_INVALID', message: expect.stringMatching(message) }),
      );
    }
    expect(gateway.limitOverrides()).toEqual([]);
  });
});
