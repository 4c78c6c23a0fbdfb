// Requests that stay with their target: by client, path, header, cookie and claim, and what counts where one is absent.
import { describe, expect, it } from 'vitest';
import { answeredBy, balanced, namedUpstreams, tally } from '../support/balancing.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const keyed = ['hash', 'maglev'] as const;
const names = ['a', 'b', 'c', 'd'];
const urls = (ups: readonly Upstream[]): string[] => ups.map((up) => up.url);
const fourTargets = async (): Promise<string[]> => urls(await namedUpstreams(...names));
const users = Array.from({ length: 40 }, (_, at) => `user-${at}`);

/** Asks twice with each of 40 keys: the same answers both times, from all targets. */
async function isKept(ask: (user: string) => Promise<string>): Promise<string[]> {
  const first: string[] = [];
  for (const user of users) first.push(await ask(user));
  const second: string[] = [];
  for (const user of users.toReversed()) second.unshift(await ask(user));
  expect(second).toEqual(first);
  expect([...new Set(first)].sort()).toEqual(names);
  return first;
}

describe.each(keyed)('%s', (balance) => {
  it('by header', async () => {
    const { url } = await balanced(await fourTargets(), { balance, hashKey: 'header:X-User' });
    await isKept((user) => answeredBy(url, { 'x-user': user }));
  });

  it('by path, without the query', async () => {
    const { url } = await balanced(await fourTargets(), { balance, hashKey: 'path' });
    let query = 0;
    await isKept((user) => {
      query += 1;
      return answeredBy(`${url}/orders/${user}?n=${query}`);
    });
  });

  it('by claim', async () => {
    const key = signingKey('main');
    const issuer = 'https://id.test';
    const whole = {
      issuers: { main: { issuer, audience: ['test'], jwks: { keys: [key.jwk] } } },
      routes: [{ match: { path: '/*rest' }, upstream: 'back', jwt: 'main' }],
    };
    const { url } = await balanced(await fourTargets(), { balance, hashKey: 'claim:sub' }, whole);
    const ask = (sub: string): Promise<string> =>
      answeredBy(url, { authorization: `Bearer ${signToken(key, { ...goodClaims(issuer), sub })}` });
    await isKept(ask);
  });

  it('by client, which is also the default', async () => {
    const targets = await fourTargets();
    const whole = { listen: { trustedProxies: ['127.0.0.1'] } };
    const { url } = await balanced(targets, { balance }, whole);
    const found = await isKept((user) =>
      answeredBy(url, { 'x-forwarded-for': `10.0.0.${user.slice(5)}`, 'x-user': String(Math.random()) }),
    );
    const { url: other } = await balanced(targets, { balance, hashKey: 'client' }, whole);
    expect(await answeredBy(other, { 'x-forwarded-for': '10.0.0.7' })).toBe(found[7]);
  });

  it.each(['header:x-user', 'claim:sub'] as const)('by %s: without one, by client', async (hashKey) => {
    const targets = await fourTargets();
    const { url } = await balanced(targets, { balance, hashKey });
    const seen = await tally(url, 10);
    expect(Object.values(seen)).toEqual([10]);
    const { url: byClient } = await balanced(targets, { balance, hashKey: 'client' });
    expect(await tally(byClient, 1)).toEqual({ [Object.keys(seen)[0] ?? '']: 1 });
  });

  it('keeps to its target when the connections of the upstream are all taken', async () => {
    const { url } = await balanced(await fourTargets(), {
      balance,
      hashKey: 'header:x-user',
      maxConnections: 1,
    });
    await isKept((user) => answeredBy(url, { 'x-user': user }));
  });
});

describe('by cookie', () => {
  const attributes = 'Path=/; HttpOnly; SameSite=Lax';

  it.each(keyed)('%s: set where it is absent, honoured where it comes', async (balance) => {
    const { url } = await balanced(await fourTargets(), { balance, hashKey: 'cookie:fg' });
    const seen = new Set<string>();
    for (let client = 0; client < 40; client += 1) {
      const response = await fetch(url, { headers: { cookie: 'other=1; FG=2' } });
      const name = await response.text();
      seen.add(name);
      const [set, ...more] = response.headers.getSetCookie();
      expect(more).toEqual([]);
      const [, value] = /^fg=([0-9a-f]{16}); (.*)$/.exec(set ?? '') ?? [];
      expect(set).toBe(`fg=${value}; ${attributes}`);
      const again = await fetch(url, { headers: { cookie: `a=b; fg=${value}; c=d` } });
      expect(await again.text()).toBe(name);
      expect(again.headers.getSetCookie()).toEqual([]);
    }
    expect([...seen].sort()).toEqual(names);
  });

  it('an empty one counts as none', async () => {
    const { url } = await balanced(await fourTargets(), { balance: 'hash', hashKey: 'cookie:fg' });
    const { headers } = await fetch(url, { headers: { cookie: 'fg=' } });
    expect(headers.getSetCookie()).toHaveLength(1);
  });

  it('is not set where the upstream sets it, and stands beside others that it sets', async () => {
    const up = await startUpstream((request, response) => {
      response.setHeader('Set-Cookie', request.url === '/own' ? ['x=1', 'fg=mine'] : ['x=1', 'y=2']);
      response.end('ok');
    });
    const { url } = await balanced([up.url, `http://localhost:${up.port}`], {
      balance: 'hash',
      hashKey: 'cookie:fg',
    });
    expect((await fetch(`${url}/own`)).headers.getSetCookie()).toEqual(['x=1', 'fg=mine']);
    const beside = (await fetch(`${url}/beside`)).headers.getSetCookie();
    expect(beside.slice(0, 2)).toEqual(['x=1', 'y=2']);
    expect(beside[2]).toMatch(/^fg=[0-9a-f]{16}; /);
  });

  it('is not set by other algorithms and keys', async () => {
    const { url } = await balanced(await fourTargets(), { balance: 'hash', hashKey: 'header:fg' });
    expect((await fetch(url)).headers.getSetCookie()).toEqual([]);
  });
});
