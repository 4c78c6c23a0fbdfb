// Which target a request goes to, by algorithm: shares, load, latency, failures, zones, and what a reload keeps.
import { describe, expect, it } from 'vitest';
import { answeredBy, balanced, balancedConfig, namedUpstreams, tally } from '../support/balancing.ts';
import { metric } from '../support/gateway.ts';
import { gate, until } from '../support/until.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const algorithms = ['round-robin', 'least-request', 'ewma', 'hash', 'maglev', 'random'] as const;
const urlOf = (upstream: Upstream | undefined): string => upstream?.url ?? '';
const user = (at: number): Record<string, string> => ({ 'x-user': `user-${at}` });
const byUser = { hashKey: 'header:x-user' } as const;
const keyOf = (balance: string): typeof byUser | object =>
  balance === 'hash' || balance === 'maglev' ? byUser : {};

/** An upstream that answers only once the gate is opened. */
async function stuckUpstream(): Promise<{ stuck: Upstream; release: () => void }> {
  const { opened, open } = gate();
  const stuck = await startUpstream((_, response) => void opened.then(() => response.end('stuck')));
  return { stuck, release: () => open() };
}

describe('shares', () => {
  // Seven standard deviations of what chance allows.
  it.each(['hash', 'maglev', 'random', 'least-request'] as const)('%s: by weight', async (balance) => {
    const [a, b] = await namedUpstreams('a', 'b');
    const targets = [urlOf(a), { url: urlOf(b), weight: 3 }];
    const { url } = await balanced(targets, { balance, ...keyOf(balance) });
    const seen = await tally(url, 400, user);
    expect(Object.keys(seen).sort()).toEqual(['a', 'b']);
    expect(Math.abs((seen['b'] ?? 0) - 300)).toBeLessThanOrEqual(60);
    expect([a?.seen.length, b?.seen.length]).toEqual([seen['a'], seen['b']]);
  });

  it('are counted for each target', async () => {
    const [a, b] = await namedUpstreams('a', 'b');
    const { gateway, url } = await balanced([urlOf(a), { url: urlOf(b), weight: 2 }], {});
    await tally(url, 6);
    const count = (target: string): Promise<number | undefined> =>
      metric(gateway, 'ferrogate_upstream_requests_total', { upstream: 'back', target });
    expect(await Promise.all([count(urlOf(a)), count(urlOf(b))])).toEqual([2, 4]);
    expect(await metric(gateway, 'ferrogate_upstream_requests_in_flight')).toBe(0);
  });
});

describe('load', () => {
  it('least-request leaves a target alone that does not answer, also after a reload that keeps it', async () => {
    const { stuck, release } = await stuckUpstream();
    const [free, late] = await namedUpstreams('free', 'late');
    const { gateway, url } = await balanced([stuck.url, urlOf(free)], { balance: 'least-request' });
    const held: Promise<string>[] = [];
    while (stuck.seen.length === 0) {
      held.push(answeredBy(url));
      await until('one more request', () => stuck.seen.length + (free?.seen.length ?? 0) === held.length);
    }
    const inFlight = (): Promise<number | undefined> =>
      metric(gateway, 'ferrogate_upstream_requests_in_flight', { target: stuck.url });
    expect(await inFlight()).toBe(1);
    expect(await tally(url, 20)).toEqual({ free: 20 });

    await gateway.reload(balancedConfig([urlOf(late), stuck.url], { balance: 'least-request' }));
    expect(await tally(url, 20)).toEqual({ late: 20 });
    expect(await inFlight()).toBe(1);
    release();
    const answers = await Promise.all(held);
    expect(answers.filter((name) => name === 'stuck')).toHaveLength(1);
    expect(await inFlight()).toBe(0);
    expect((await tally(url, 60))['stuck']).toBeGreaterThan(0);
  });

  it('ewma prefers the faster, also after a reload that keeps them', async () => {
    const [fast] = await namedUpstreams('fast');
    const slow = await startUpstream((_, response) => void setTimeout(() => response.end('slow'), 1500));
    const targets = [urlOf(fast), slow.url];
    const { gateway, url } = await balanced(targets, { balance: 'ewma' });
    while (slow.seen.length === 0) await answeredBy(url);
    expect(await tally(url, 30)).toEqual({ fast: 30 });
    await gateway.reload(balancedConfig([slow.url, urlOf(fast)], { balance: 'ewma', connectTimeout: '1s' }));
    expect(await tally(url, 30)).toEqual({ fast: 30 });
  });

  it('ewma takes a target that refuses connections for a slow one', async () => {
    const [up, down] = await namedUpstreams('up', 'down');
    const { gateway, url } = await balanced([urlOf(up), urlOf(down)], { balance: 'ewma' });
    await down?.stop();
    expect(await tally(url, 40)).toEqual({ up: 40 });
    const tried = await metric(gateway, 'ferrogate_upstream_requests_total', { target: urlOf(down) });
    expect(tried).toBeLessThanOrEqual(1);
  });
});

describe('a target that is gone', () => {
  it.each(algorithms)('%s: its requests go to others, without an error', async (balance) => {
    const ups = await namedUpstreams('a', 'b', 'c');
    const { url } = await balanced(ups.map(urlOf), { balance, ...keyOf(balance) });
    const before: string[] = [];
    for (let at = 0; at < 40; at += 1) before.push(await answeredBy(url, user(at)));
    await ups[1]?.stop();
    const after: string[] = [];
    for (let at = 0; at < 40; at += 1) after.push(await answeredBy(url, user(at)));
    expect(after.filter((name) => name !== 'a' && name !== 'c')).toEqual([]);
    // Of two that are idle, ewma may always take the one that is a little faster.
    if (balance !== 'ewma') expect(new Set(after).size).toBe(2);
    if (!('hashKey' in keyOf(balance))) return;
    expect(new Set(before)).toEqual(new Set(['a', 'b', 'c']));
    expect(before.filter((name, at) => name !== 'b' && name !== after[at])).toEqual([]);
  });

  it.each(algorithms)('%s: with no other, the answer is 502', async (balance) => {
    const ups = await namedUpstreams('a', 'b');
    const { url } = await balanced(ups.map(urlOf), { balance, ...keyOf(balance) });
    await Promise.all(ups.map((up) => up.stop()));
    expect(await answeredBy(url, user(1))).toMatch(/^502 /);
  });
});

describe('zones', () => {
  it.each(algorithms)('%s: targets of our own zone are preferred, others take over', async (balance) => {
    const [near, far, nowhere] = await namedUpstreams('near', 'far', 'nowhere');
    const targets = [
      { url: urlOf(far), zone: 'east', weight: 9 },
      { url: urlOf(near), zone: 'west' },
      urlOf(nowhere),
    ];
    const { url } = await balanced(targets, { balance, ...keyOf(balance) }, { zone: 'west' });
    expect(await tally(url, 30, user)).toEqual({ near: 30 });
    await near?.stop();
    const seen = await tally(url, 60, user);
    expect((seen['far'] ?? 0) + (seen['nowhere'] ?? 0)).toBe(60);
    if (balance !== 'ewma') expect(seen['far'] ?? 0).toBeGreaterThan(seen['nowhere'] ?? 0);
  });

  it('a target without a zone is in none, and a gateway without one prefers none', async () => {
    const [a, b] = await namedUpstreams('a', 'b');
    const { url } = await balanced([{ url: urlOf(a), zone: 'east' }, urlOf(b)], {});
    expect(await tally(url, 4)).toEqual({ a: 2, b: 2 });
  });
});
