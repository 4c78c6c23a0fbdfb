// What the breaker of an upstream becomes in the plan, and what is wrong with it.
import { expect, it } from 'vitest';
import { parseConfig, toPlan } from '../../src/config/index.ts';
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

it.each([
  [{}, { breaker: null }],
  [
    { breaker: {} },
    {
      breaker: {
        failureRatio: 0.6,
        minRequests: 20,
        windowMs: 10_000,
        openMs: 60_000,
        halfOpenRequests: 3,
        failureStatuses: [[500, 599]],
        fallback: null,
      },
    },
  ],
  [
    { breaker: { failureStatuses: ['429', '500-503'], fallback: { body: { a: 1 } } } },
    {
      breaker: {
        failureStatuses: [
          [429, 429],
          [500, 503],
        ],
        fallback: { kind: 'answer', status: 503, contentType: 'application/json', body: '{"a":1}' },
      },
    },
  ],
])('%j in the plan', (changes, part) => {
  const plan = toPlan(parseConfig(config({ upstreams: { orders: { ...upstream, ...changes } } })));
  expect(plan.upstreams[0]).toMatchObject(part);
});
