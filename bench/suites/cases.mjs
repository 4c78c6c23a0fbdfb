// Every timed case: a suite is a table of rows that are compared, a row makes an operation in a process of its own.
import { openPoints } from '../inputs/quotas.mjs';
import { githubRoutes, loadedPath, pathOf, tableRoutes } from '../inputs/routes.mjs';
import { openDecision } from './decision.mjs';
import { limiters } from './limit.mjs';
import { routers } from './router.mjs';
import { verifiers } from './token.mjs';

/** A walk over `count` items that does not follow their order in memory. */
const scattered = (number, count) => (number * 7919) % count;

/**
 * `{suite, row, isAsync, make(inputs) → {operation(number), close?, afterSample?}}`. `inputs` is `{jwks, publicPem, tokens}`; an operation throws
 * when its answer is wrong; `afterSample` is not timed.
 */
export const cases = [
  ...routerCases("router, matchit's 130 routes", githubRoutes),
  ...routerCases('router, 10,000 routes', tableRoutes()),
  ...limitCases('limit, 1,000 keys', 1_000),
  ...limitCases('limit, 1,000,000 keys', 1_000_000),
  ...tokenCases('token seen before, one', true, 1),
  ...tokenCases('token seen before, one of all', true, Number.POSITIVE_INFINITY),
  ...tokenCases('token verified anew', false, Number.POSITIVE_INFINITY),
  decisionCase('request, one token', 1, true),
  decisionCase('request + finish, one token', 1, false),
  decisionCase('request, one of all tokens', Number.POSITIVE_INFINITY, true),
  decisionCase('request + finish, one of all tokens', Number.POSITIVE_INFINITY, false),
];

function routerCases(suite, patterns) {
  const paths = patterns.map(pathOf);
  return routers.map(({ name, make }) => ({
    suite,
    row: name,
    isAsync: false,
    make: () => {
      const { find, close } = make(patterns);
      const operation = (number) => {
        if (find(paths[scattered(number, paths.length)]) < 0) throw new Error('not found');
      };
      return { operation, close };
    },
  }));
}

function limitCases(suite, keys) {
  const quota = { count: openPoints.points, seconds: openPoints.duration };
  return limiters.map(({ name, isAsync, make }) => ({
    suite,
    row: name,
    isAsync,
    make: async () => {
      const { take, close } = make(quota);
      for (let key = 0; key < keys; key += 1) await take(key);
      const check = (isAllowed) => {
        if (!isAllowed) throw new Error('refused');
      };
      const one = (number) => take(scattered(number, keys));
      const operation = isAsync ? async (number) => check(await one(number)) : (number) => check(one(number));
      return { operation, close };
    },
  }));
}

function tokenCases(suite, wantsCache, most) {
  const rows = verifiers.filter(({ caches }) => caches === null || caches === wantsCache);
  return rows.map(({ name, caches, isAsync, prepare, make }) => ({
    suite,
    row: wantsCache && caches === null ? `${name}, which has no cache` : name,
    isAsync,
    make: async ({ tokens, ...keys }) => {
      const { verify, close } = make(keys);
      const inputs = tokens.slice(0, most).map(prepare);
      const check = (isGood) => {
        if (!isGood) throw new Error('refused');
      };
      if (wantsCache) for (const input of inputs) check(await verify(input));
      const one = (number) => verify(inputs[scattered(number, inputs.length)]);
      const operation = isAsync ? async (number) => check(await one(number)) : (number) => check(one(number));
      return { operation, close };
    },
  }));
}

/** `isOpen`: exchanges are ended between samples, outside the timed part. */
function decisionCase(row, most, isOpen) {
  return {
    suite: 'decision: 10,000 routes, limit, cached token, through the boundary',
    row: `ferrogate (${row})`,
    isAsync: false,
    make: ({ jwks, tokens }) => {
      const made = openDecision({ jwks, tokens: tokens.slice(0, most) });
      const { blocks, close, finishAll } = made;
      const decide = isOpen ? made.begin : made.decide;
      const operation = (number) => {
        if (decide(loadedPath, blocks[scattered(number, blocks.length)]) < 0) throw new Error('refused');
      };
      for (let number = 0; number < blocks.length; number += 1) operation(number);
      finishAll();
      return { operation, close, afterSample: finishAll };
    },
  };
}
