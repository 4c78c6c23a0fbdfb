// Limits of every algorithm: what each takes, what it refuses beside it, and what the data plane is told.
import { describe, expect, it } from 'vitest';
import { parseConfig, toPlan } from '../../src/config/index.ts';
import { config, wrong } from './support.ts';

const limitPlan = (limit: unknown) => toPlan(parseConfig(config({ limits: { l: limit } }))).limits[0];
const faults = (limit: unknown) => wrong(config({ limits: { l: limit } }));

describe('what is accepted', () => {
  it.each([
    [
      { algorithm: 'sliding-window', rate: 5, per: '1m' },
      { algorithm: 'sliding-window', rate: 5, perMs: 60_000, key: { kind: 'client' } },
    ],
    [{ algorithm: 'fixed-window', rate: 5, per: '1mo' }, { perMs: 0 }],
    [{ algorithm: 'fixed-window', rate: 5, per: '1d' }, { perMs: 86_400_000 }],
    [
      { algorithm: 'concurrency', maxInFlight: 7, key: 'route' },
      { maxInFlight: 7, key: { kind: 'route' } },
    ],
    [
      { algorithm: 'adaptive', ceiling: 50 },
      { floor: 1, ceiling: 50, key: { kind: 'all' } },
    ],
    [
      { algorithm: 'adaptive', floor: 50, ceiling: 50 },
      { floor: 50, ceiling: 50 },
    ],
    [
      { rate: 1, per: '1s', key: ['claim:tenant_id', 'route', 'header:X-Key', 'client'] },
      {
        key: {
          kind: 'several',
          parts: [
            { kind: 'claim', name: 'tenant_id' },
            { kind: 'route' },
            { kind: 'header', name: 'x-key' },
            { kind: 'client' },
          ],
        },
      },
    ],
    [{ rate: 1, per: '1s', key: ['route'] }, { key: { kind: 'route' } }],
    [{ rate: 5, per: '1s', cost: 5 }, { cost: { kind: 'tokens', tokens: 5 } }],
    [{ rate: 5, per: '1s', cost: 'header:X-Cost' }, { cost: { kind: 'header', name: 'x-cost' } }],
    [{ rate: 5, per: '1s', cost: 'response-bytes' }, { cost: { kind: 'response-bytes' } }],
    [{ rate: 5, per: '1s', warmUp: '10s' }, { warmUpMs: 10_000 }],
    [
      { rate: 5, per: '1s', shadow: true, legacyHeaders: true },
      { shadow: true, legacyHeaders: true, burst: 5 },
    ],
  ])('%j', (written, part) => expect(limitPlan(written)).toMatchObject(part));
});

describe('what is refused', () => {
  const bucket = { rate: 5, per: '1s' };
  const cases: [limit: Record<string, unknown>, ...lines: string[]][] = [
    [
      {},
      'rate: expected an integer from 1 to 1000000000, received nothing',
      'per: expected a duration from "1ms" to "31d", or "1mo", received nothing',
    ],
    [
      { algorithm: 'concurrency', rate: 5, per: '1s' },
      'rate: expected nothing with "concurrency", received 5',
      'per: expected nothing with "concurrency", received "1s"',
      'maxInFlight: expected an integer from 1 to 1000000, received nothing',
    ],
    [
      { algorithm: 'adaptive', key: 'client' },
      'ceiling: expected an integer from 1 to 1000000, received nothing',
      'key: expected nothing with "adaptive", received "client"',
    ],
    [{ algorithm: 'adaptive', floor: 9, ceiling: 8 }, 'floor: expected at most "ceiling", received 9'],
    [
      { ...bucket, algorithm: 'fixed-window', burst: 5 },
      'burst: expected nothing with "fixed-window", received 5',
    ],
    [
      { ...bucket, algorithm: 'sliding-window', warmUp: '1s' },
      'warmUp: expected nothing with "sliding-window", received "1s"',
    ],
    [
      { algorithm: 'concurrency', maxInFlight: 5, cost: 2 },
      'cost: expected nothing with "concurrency", received 2',
    ],
    [{ ...bucket, maxInFlight: 5 }, 'maxInFlight: expected nothing with "token-bucket", received 5'],
    [
      { algorithm: 'sliding-window', rate: 1_000_001, per: '1s' },
      'rate: expected at most 1000000 with "sliding-window", received 1000001',
    ],
    [
      { rate: 1, per: '1mo' },
      'per: expected a duration, as "algorithm" is not "fixed-window", received "1mo"',
    ],
    [
      { algorithm: 'fixed-window', rate: 1, per: '1500ms' },
      'per: expected whole seconds with "fixed-window", received "1500ms"',
    ],
    [{ ...bucket, cost: 6 }, 'cost: expected at most 5, or no request would ever pass, received 6'],
    [
      { ...bucket, cost: 'response-bytes', warmUp: '1s' },
      'cost: expected a "token-bucket" without "warmUp", or a "fixed-window", received "response-bytes"',
    ],
    [
      { ...bucket, cost: 0 },
      'cost: expected an integer from 1 to 1000000, "header:NAME" or "response-bytes", received 0',
    ],
    [
      { ...bucket, algorithm: 'leaky' },
      'algorithm: expected one of "token-bucket", "sliding-window", "fixed-window", "concurrency", "adaptive", received "leaky"',
    ],
  ];
  it.each(cases)('%j', (limit, ...lines) => {
    expect(faults(limit).sort()).toEqual(lines.map((line) => `limits.l.${line}`).sort());
  });

  it.each([[['client', 'client']], [[]], [['ip']], [Array.from({ length: 9 }, (_, i) => `claim:c${i}`)]])(
    'the key %j',
    (key) => expect(faults({ ...bucket, key })).toHaveLength(1),
  );

  it('a key of the listener that has a route or a claim in it', () => {
    const limits = {
      a: { ...bucket, key: ['client', 'claim:sub'] },
      b: { ...bucket, key: ['client', 'header:x'] },
      c: { algorithm: 'adaptive', ceiling: 9 },
    };
    expect(wrong(config({ limits, listen: { limits: ['a', 'b', 'c'] } }))).toEqual([
      'listen.limits[0]: expected a limit by client or header, which are known before routing, received "a"',
    ]);
  });
});
