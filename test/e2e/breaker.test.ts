// The breaker of an upstream: what opens it, what clients get meanwhile, how it closes, and what a reload keeps.
import { describe, expect, it } from 'vitest';
import type { UpstreamConfig } from '../../src/index.ts';
import { balanced, balancedConfig, namedUpstreams } from '../support/balancing.ts';
import { metric } from '../support/gateway.ts';
import { freePort } from '../support/services.ts';
import { until } from '../support/until.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const breaker = { failureRatio: 0.5, minRequests: 4, open: '1h', halfOpenRequests: 2 } as const;

interface Sick extends Upstream {
  /** The status of what it answers. */
  status: number;
}

async function sickUpstream(): Promise<Sick> {
  const state = { status: 500 };
  const upstream = await startUpstream((_, response) => response.writeHead(state.status).end('own'));
  return Object.defineProperty(upstream as Sick, 'status', {
    get: () => state.status,
    set: (status: number) => {
      state.status = status;
    },
  });
}

const statusOf = async (url: string): Promise<number> => {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
};

async function statuses(url: string, count: number): Promise<number[]> {
  const seen: number[] = [];
  for (let at = 0; at < count; at += 1) seen.push(await statusOf(url));
  return seen;
}

describe('opens', () => {
  it('on the share of failures, and spares the upstream', async () => {
    const sick = await sickUpstream();
    const { gateway, url } = await balanced([sick.url], { breaker });
    expect(await statuses(url, 4)).toEqual([500, 500, 500, 500]);
    const refused = await fetch(url);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3590);
    expect(await refused.json()).toMatchObject({ code: 'breaker_open', status: 503 });
    expect(sick.seen).toHaveLength(4);
    expect(await metric(gateway, 'ferrogate_breaker_state', { upstream: 'back', state: 'open' })).toBe(1);
    expect(await metric(gateway, 'ferrogate_breaker_opened_total', { upstream: 'back' })).toBe(1);
    expect(await metric(gateway, 'ferrogate_breaker_refused_total', { upstream: 'back' })).toBe(1);
  });

  it('not on statuses that count as good', async () => {
    const sick = await sickUpstream();
    const { url } = await balanced([sick.url], { breaker: { ...breaker, failureStatuses: ['502-504'] } });
    expect(await statuses(url, 6)).toEqual(Array(6).fill(500));
    sick.status = 503;
    expect(await statuses(url, 7)).toEqual([...Array(6).fill(503), 503]);
    expect(sick.seen).toHaveLength(12);
  });

  it('on connections that fail', async () => {
    const port = await freePort();
    const { url } = await balanced([`http://127.0.0.1:${port}`], { breaker });
    expect(await statuses(url, 5)).toEqual([502, 502, 502, 502, 503]);
  });
});

it('tries again after its time and closes when that goes well; a reload changes nothing', async () => {
  const sick = await sickUpstream();
  const options: Omit<UpstreamConfig, 'targets'> = { breaker: { ...breaker, open: '300ms' } };
  const { gateway, url } = await balanced([sick.url], options);
  await statuses(url, 4);
  await gateway.reload(balancedConfig([sick.url], { ...options, maxIdle: 7 }));
  expect(await metric(gateway, 'ferrogate_breaker_state', { state: 'open' })).toBe(1);
  await until('a trial', async () => (await statusOf(url)) === 500);
  expect(sick.seen).toHaveLength(5);
  expect(await metric(gateway, 'ferrogate_breaker_opened_total')).toBe(2);

  sick.status = 200;
  await until('a good trial', async () => (await statusOf(url)) === 200);
  expect(await metric(gateway, 'ferrogate_breaker_state', { state: 'half_open' })).toBe(1);
  expect(await statuses(url, 4)).toEqual([200, 200, 200, 200]);
  expect(await metric(gateway, 'ferrogate_breaker_state', { state: 'closed' })).toBe(1);
  expect(sick.seen).toHaveLength(10);
});

describe('instead of an open upstream', () => {
  it.each([
    [{ body: { items: [] } }, 503, 'application/json', '{"items":[]}'],
    [{ status: 200, body: 'soon' }, 200, 'text/plain; charset=utf-8', 'soon'],
    [{ status: 204 }, 204, null, ''],
    [{ status: 200, body: '<p>', contentType: 'text/html' }, 200, 'text/html', '<p>'],
  ] as const)('%j', async (fallback, status, type, body) => {
    const sick = await sickUpstream();
    const { url } = await balanced([sick.url], { breaker: { ...breaker, fallback } });
    await statuses(url, 4);
    const response = await fetch(url);
    const seen = [response.status, response.headers.get('content-type'), await response.text()];
    expect(seen).toEqual([status, type, body]);
    expect(sick.seen).toHaveLength(4);
  });

  it('another upstream, or 503 when that is open too', async () => {
    const [sick, [spare]] = await Promise.all([sickUpstream(), namedUpstreams('spare')]);
    const upstreams = {
      back: { targets: [sick.url], breaker: { ...breaker, fallback: { upstream: 'spare' } } },
      spare: { targets: [spare?.url ?? ''], breaker: { ...breaker, failureStatuses: ['200'] } },
    };
    const { url } = await balanced([], {}, { upstreams });
    expect(await statuses(url, 9)).toEqual([500, 500, 500, 500, 200, 200, 200, 200, 503]);
    expect([sick.seen.length, spare?.seen.length]).toEqual([4, 4]);
  });
});
