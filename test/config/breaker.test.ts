// What is wrong with the breaker of an upstream.
import { expect, it } from 'vitest';
import { config, upstream, wrong } from './support.ts';

it.each([
  [
    { breaker: { failureRatio: 0 } },
    'breaker.failureRatio: expected a number above 0 and at most 1, received 0',
  ],
  [
    { breaker: { failureStatuses: ['599-500'] } },
    'breaker.failureStatuses[0]: expected a status or a range of them, such as "503" or "500-599", received "599-500"',
  ],
  [
    { breaker: { fallback: { upstream: 'nobody' } } },
    'breaker.fallback.upstream: expected the id of an upstream, received "nobody"',
  ],
  [
    { breaker: { fallback: { upstream: 'orders' } } },
    'breaker.fallback.upstream: expected the id of another upstream, received "orders"',
  ],
  [
    { breaker: { fallback: { status: 204, body: 'a' } } },
    'breaker.fallback.body: expected nothing with status 204, received "a"',
  ],
])('%j', (changes, line) => {
  expect(wrong(config({ upstreams: { orders: { ...upstream, ...changes } } }))).toEqual([
    `upstreams.orders.${line}`,
  ]);
});
