// The rivals of the benchmarks give equal answers: what is timed is the same work.
import { afterAll, describe, expect, test } from 'vitest';
import {
  createIssuer,
  githubRoutes,
  type Issuer,
  limiters,
  pathOf,
  routers,
  tableRoutes,
  verifiers,
} from '../../bench/suites/rivals.mjs';

const closers: (() => void)[] = [];
const closing = <T extends { close?(): void }>(made: T): T => {
  if (made.close !== undefined) closers.push(() => made.close?.());
  return made;
};
afterAll(() => {
  for (const close of closers) close();
});

const misses = [
  '/',
  '/nope',
  '/repos/acme',
  '/users/ann/events/orgs',
  '/svc0',
  '/svc15/x',
  '/search/code/more',
];

describe.each([
  ["matchit's routes", githubRoutes],
  ['the table', tableRoutes(2_000)],
])('routers on %s', (_, patterns) => {
  test.each(routers)('$name', ({ make }) => {
    const router = closing(make(patterns));
    patterns.forEach((pattern, index) => {
      const path = pathOf(pattern);
      const names = pattern.split('/').filter((part) => part.startsWith(':'));
      const params = Object.fromEntries(names.map((name) => [name.slice(1), name.slice(1)]));
      expect(router.find(path)).toBe(index);
      expect(router.details(path)).toEqual({ index, params });
    });
    expect(misses.map((path) => router.find(path))).toEqual(misses.map(() => -1));
  });
});

describe('limiters', () => {
  test.each(limiters)('$name lets as many through as the quota has, for each client', async ({ make }) => {
    const limiter = closing(make({ count: 5, seconds: 3600 }));
    const allowed: boolean[] = [];
    for (let take = 0; take < 24; take += 1) allowed.push(await limiter.take(take % 3));
    expect(allowed).toEqual(Array.from({ length: 24 }, (_, take) => take < 15));
  });
});

/** Tokens with whether they are good; the last ones have a good signature but are not good. */
async function tokens(
  issuer: Issuer,
): Promise<[what: string, token: string, isGood: boolean, isSigned: boolean][]> {
  const good = await issuer.token();
  const past = Math.floor(Date.now() / 1000) - 3600;
  return [
    ['good', good, true, true],
    ['good, another subject', await issuer.token('client-2'), true, true],
    ['forged', issuer.forged(good), false, false],
    ['of another key', await (await createIssuer()).token(), false, false],
    ['expired', await issuer.token('client-1', { exp: past }), false, true],
    ['of another issuer', await issuer.token('client-1', { iss: 'https://other.test' }), false, true],
    ['for another audience', await issuer.token('client-1', { aud: 'invoices' }), false, true],
    ['not yet valid', await issuer.token('client-1', { nbf: past + 7200 }), false, true],
    ['without an end', await issuer.token('client-1', { exp: undefined }), false, true],
  ];
}

describe('token verifiers', async () => {
  const issuer = await createIssuer();
  const cases = await tokens(issuer);
  test.each(verifiers)('$name, caches: $caches', async ({ make, prepare, checksClaims }) => {
    const verifier = closing(make(issuer));
    // Twice: a cache must not change an answer.
    for (const [what, token, isGood, isSigned] of [...cases, ...cases]) {
      const expected = checksClaims ? isGood : isSigned;
      expect([what, await verifier.verify(prepare(token))]).toEqual([what, expected]);
    }
  });
});
