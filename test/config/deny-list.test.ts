// Options of a deny-list: what each writing becomes, and what is refused where no store is shared.
import { describe, expect, it } from 'vitest';
import { parseConfig, toPlan } from '../../src/config/parse.ts';

const main = {
  issuer: 'https://id.test',
  audience: ['a'],
  jwks: { keys: [{ kty: 'RSA' }] },
  clockSkew: '10s',
};
const stores = { shared: { url: 'redis://127.0.0.1' } };
const config = (denyList: unknown, jwt: unknown = 'main') => ({
  stores,
  issuers: { main: { ...main, denyList } },
  upstreams: { u: { targets: ['http://127.0.0.1:1'] } },
  routes: [{ match: { path: '/' }, jwt, upstream: 'u' }],
});

const local = { maxEntries: 100_000, maxStaleMs: null, fallback: 'closed' };
const both = { keepSeconds: 604_800, skewSeconds: 10, issuer: 'main', iss: 'https://id.test' };

describe('a deny-list', () => {
  it.each([
    [undefined, null, []],
    [false, null, []],
    [true, local, [{ ...both, store: null, refreshMs: 500, maxStaleMs: 10_000, maxEntries: 100_000 }]],
    [{}, local, [{ ...both, store: null, refreshMs: 500, maxStaleMs: 10_000, maxEntries: 100_000 }]],
    [
      { store: 'shared' },
      { ...local, maxStaleMs: 10_000 },
      [{ ...both, store: 'shared', refreshMs: 500, maxStaleMs: 10_000, maxEntries: 100_000 }],
    ],
    [
      { store: 'shared', fallback: 'open', maxStale: '2s', refresh: '1s', keep: '1h', maxEntries: 5 },
      { maxEntries: 5, maxStaleMs: 2000, fallback: 'open' },
      [{ ...both, store: 'shared', refreshMs: 1000, maxStaleMs: 2000, keepSeconds: 3600, maxEntries: 5 }],
    ],
  ])('%j', (denyList, plan, settings) => {
    const parsed = parseConfig(config(denyList));
    expect(toPlan(parsed).issuers[0]?.denyList).toEqual(plan);
    expect(parsed.denyLists).toEqual(settings);
  });

  it('has a fallback of its own on a route', () => {
    const jwt = { issuer: 'main', denyListFallback: 'open' };
    expect(toPlan(parseConfig(config({ store: 'shared' }, jwt))).routes[0]?.jwt).toMatchObject({
      issuer: ['main'],
      denyListFallback: 'open',
    });
  });

  it.each([
    [{ store: 'other' }, 'main', 'issuers.main.denyList.store: expected the id of a store, received "other"'],
    [
      { fallback: 'open' },
      'main',
      'issuers.main.denyList.fallback: expected nothing without a "store", received "open"',
    ],
    [
      { refresh: '1s' },
      'main',
      'issuers.main.denyList.refresh: expected nothing without a "store", received 1000',
    ],
    [
      { store: 'shared', refresh: '6s' },
      'main',
      'issuers.main.denyList.maxStale: expected at least twice "refresh", received nothing',
    ],
    [
      { store: 'shared', fallback: 'local' },
      'main',
      'issuers.main.denyList.fallback: expected one of "closed", "open", received "local"',
    ],
    [
      true,
      { issuer: 'main', denyListFallback: 'open' },
      'routes[0].jwt.denyListFallback: expected nothing unless the issuer has a "denyList" with a "store", received "open"',
    ],
  ])('%j, %j', (denyList, jwt, message) => {
    expect(() => parseConfig(config(denyList, jwt))).toThrow(expect.objectContaining({ message }));
  });
});
