// Options of a limit: an algorithm with its numbers, what it is counted by, and what one request costs.
import { z } from 'zod';
import { belongsToStore, fleetOptions, planFleet } from './fleet.ts';
import type { Fault } from './issues.ts';
import {
  choice,
  conflict,
  expecting,
  flag,
  integer,
  option,
  optional,
  section,
  withDefault,
} from './option.ts';
import type { PlanLimit, PlanLimitKey } from './plan.ts';
import { record } from './unchecked.ts';
import { duration } from './units.ts';

const name = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]{1,128}";
const keyPattern = new RegExp(`^(?:client|route|header:${name}|claim:[\\x20-\\x7e]{1,256})$`);
const headerPattern = new RegExp(`^header:${name}$`);
const longestFillMs = 366 * 86_400_000;
/** A count of a sliding window has 20 bits. */
const maxSlidingRate = 1_000_000;
const maxKeyParts = 8;

type LimitKey = 'client' | 'route' | `header:${string}` | `claim:${string}`;

const keyPart = z.string().regex(keyPattern) as unknown as z.ZodType<LimitKey, LimitKey>;

const limitKey = expecting(
  z.union([
    keyPart,
    z
      .array(keyPart)
      .min(1)
      .max(maxKeyParts)
      .refine((parts) => new Set(parts).size === parts.length),
  ]),
  `"client", "route", "header:NAME" or "claim:NAME", or a list of 1 to ${maxKeyParts} different ones`,
  { type: 'LimitKey | readonly LimitKey[]' },
);

const per = expecting(
  z.union([duration('1ms', '31d'), z.literal('1mo')]),
  'a duration from "1ms" to "31d", or "1mo"',
  { type: "Duration | '1mo'" },
);

type Cost = number | 'response-bytes' | `header:${string}`;

const cost = expecting(
  z.union([
    z.int().min(1).max(1_000_000),
    z.literal('response-bytes'),
    z.string().regex(headerPattern) as unknown as z.ZodType<`header:${string}`, `header:${string}`>,
  ]),
  'an integer from 1 to 1000000, "header:NAME" or "response-bytes"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a TypeScript type that is written to types.ts
  { type: "number | 'response-bytes' | `header:${string}`" },
);

const algorithm = choice('token-bucket', 'sliding-window', 'fixed-window', 'concurrency', 'adaptive');
type Algorithm = z.output<typeof algorithm>;

/** Which options each algorithm has beside those of all: those that it needs, then others. */
const optionsOf: Record<Algorithm, readonly [needed: readonly string[], others: readonly string[]]> = {
  'token-bucket': [
    ['rate', 'per'],
    ['burst', 'key', 'cost', 'warmUp'],
  ],
  'sliding-window': [
    ['rate', 'per'],
    ['key', 'cost'],
  ],
  'fixed-window': [
    ['rate', 'per'],
    ['key', 'cost'],
  ],
  concurrency: [['maxInFlight'], ['key']],
  adaptive: [['ceiling'], ['floor']],
};
const governed = ['rate', 'per', 'burst', 'maxInFlight', 'floor', 'ceiling', 'key', 'cost', 'warmUp'];

export const limitSection = section(
  {
    name: 'LimitConfig',
    text: 'A limit: a token bucket of `rate` requests each `per`, `burst` at once, or another algorithm. See [rate limits](rate-limits.md).',
  },
  {
    algorithm: option(
      withDefault(algorithm, 'token-bucket'),
      'What is counted: tokens that come evenly, requests in the last `per` (`"sliding-window"`), requests in an hour, day or month of UTC (`"fixed-window"`), requests in flight for a key (`"concurrency"`), or all of the limit in flight, as many as their latency allows (`"adaptive"`).',
    ),
    rate: option(
      optional(integer(1, 1_000_000_000), 'none: needed where requests are counted by time'),
      'Requests that are let through in each `per`, over time; at most 1,000,000 of a `"sliding-window"`.',
    ),
    per: option(
      optional(per, 'none: needed with `rate`'),
      'The time in which `rate` is counted. With `"fixed-window"` whole seconds, counted from 1970-01-01T00:00:00Z, or `"1mo"`, a calendar month of UTC.',
    ),
    burst: option(
      optional(integer(1, 1_000_000_000), '`rate`'),
      'Capacity of the token bucket: requests that may come at once. It must fill in at most 366 days.',
    ),
    maxInFlight: option(
      optional(integer(1, 1_000_000), 'none: needed with `"concurrency"`'),
      'Requests of one key that may be in flight, from the decision to the end of the answer.',
    ),
    floor: option(
      optional(integer(1, 1_000_000), '1 with `"adaptive"`'),
      'What an `"adaptive"` limit never goes below.',
    ),
    ceiling: option(
      optional(integer(1, 1_000_000), 'none: needed with `"adaptive"`'),
      'What an `"adaptive"` limit never goes above.',
    ),
    key: option(
      optional(limitKey, '`"client"`, of `"adaptive"` none'),
      'What is counted apart: the client address (IPv6 by /64), the route, the value of a header, a claim, or several of them together. ' +
        'A request without that header or claim counts by its client.',
    ),
    cost: option(
      withDefault(cost, 1),
      'What one request takes: a number, what a trusted peer writes in a header (see `listen.trustedProxies`; else 1), or the bytes of the body of the answer, taken when it has ended.',
    ),
    warmUp: option(
      withDefault(duration('0ms', '1h'), '0ms'),
      'The time in which a token bucket comes from a third of its rate to all of it, from its first use on, or the first after having rested for as long.',
    ),
    shadow: option(
      withDefault(flag(), false),
      'Whether the limit is only counted: it refuses nobody, and answers say nothing of it.',
    ),
    legacyHeaders: option(
      withDefault(flag(), false),
      'Whether answers also have `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds), of the strictest such limit.',
    ),
    ...fleetOptions,
  },
).superRefine((limit, context) => {
  if (limit.rate !== undefined && typeof limit.per === 'number')
    fillsInTime({ rate: limit.rate, per: limit.per, burst: limit.burst }, context);
  numbersFit(limit, context);
  belongsToStore(limit, context);
});

type Limit = z.output<typeof limitSection>;

interface Quota {
  readonly rate: number;
  readonly per: number;
  readonly burst?: number | undefined;
}

/** Refuses a bucket that would be empty for ever. */
export function fillsInTime(quota: Quota, context: z.RefinementCtx): void {
  if (quota.burst === undefined || (quota.burst / quota.rate) * quota.per <= longestFillMs) return;
  context.addIssue(conflict(['burst'], 'a burst that "rate" fills in at most 366 days', quota.burst));
}

function numbersFit(limit: Limit, context: z.RefinementCtx): void {
  const { algorithm: kind, rate = 0, per: span, ceiling } = limit;
  const capacity = kind === 'token-bucket' ? (limit.burst ?? rate) : rate;
  if (kind === 'sliding-window' && rate > maxSlidingRate)
    context.addIssue(conflict(['rate'], `at most ${maxSlidingRate} with "sliding-window"`, rate));
  if (span === '1mo' && kind !== 'fixed-window')
    context.addIssue(conflict(['per'], 'a duration, as "algorithm" is not "fixed-window"', span));
  if (kind === 'fixed-window' && typeof span === 'number' && span % 1000 !== 0)
    context.addIssue(conflict(['per'], 'whole seconds with "fixed-window"', `${span}ms`));
  if (typeof limit.cost === 'number' && capacity > 0 && limit.cost > capacity)
    context.addIssue(conflict(['cost'], `at most ${capacity}, or no request would ever pass`, limit.cost));
  if (limit.cost === 'response-bytes' && (kind === 'sliding-window' || limit.warmUp > 0))
    context.addIssue(
      conflict(['cost'], 'a "token-bucket" without "warmUp", or a "fixed-window"', limit.cost),
    );
  if (ceiling !== undefined && (limit.floor ?? 1) > ceiling)
    context.addIssue(conflict(['floor'], 'at most "ceiling"', limit.floor));
}

/** Faults between the algorithm of a limit and the options that are written; reads input that may be wrong elsewhere. */
export function limitFaults(limit: unknown, path: readonly PropertyKey[]): Fault[] {
  if (limit === null || typeof limit !== 'object') return [];
  const options = record(limit);
  const kind = options['algorithm'] ?? 'token-bucket';
  if (typeof kind !== 'string' || !Object.hasOwn(optionsOf, kind)) return [];
  const [needed, others] = optionsOf[kind as Algorithm];
  const faults: Fault[] = [];
  for (const option of governed) {
    const received = options[option];
    if (received === undefined && needed.includes(option))
      faults.push({ path: [...path, option], expected: neededText[option] ?? 'a value', received });
    else if (received !== undefined && !needed.includes(option) && !others.includes(option))
      faults.push({ path: [...path, option], expected: `nothing with "${kind}"`, received });
  }
  return faults;
}

const neededText: Readonly<Record<string, string>> = {
  rate: 'an integer from 1 to 1000000000',
  per: 'a duration from "1ms" to "31d", or "1mo"',
  maxInFlight: 'an integer from 1 to 1000000',
  ceiling: 'an integer from 1 to 1000000',
};

/** Whether a limit of that key, as it is written, can be checked before a request is routed. */
export function isKnownBeforeRouting(key: unknown): boolean {
  const parts: readonly unknown[] = Array.isArray(key) ? key : [key];
  return !parts.some((part) => typeof part === 'string' && (part === 'route' || part.startsWith('claim:')));
}

/** The limit as the data plane wants it. */
export function planLimit(id: string, limit: Limit): PlanLimit {
  const { rate = 0, algorithm: kind } = limit;
  return {
    id,
    algorithm: kind,
    rate,
    perMs: limit.per === '1mo' ? 0 : (limit.per ?? 0),
    burst: limit.burst ?? rate,
    maxInFlight: limit.maxInFlight ?? 0,
    floor: limit.floor ?? (kind === 'adaptive' ? 1 : 0),
    ceiling: limit.ceiling ?? 0,
    key: kind === 'adaptive' ? { kind: 'all' } : planKeys(limit.key ?? 'client'),
    cost: planCost(limit.cost),
    warmUpMs: limit.warmUp,
    shadow: limit.shadow,
    legacyHeaders: limit.legacyHeaders,
    fleet: planFleet(limit),
  };
}

function planKeys(key: LimitKey | readonly LimitKey[]): PlanLimit['key'] {
  if (typeof key === 'string') return planKey(key);
  const [only, ...more] = key;
  if (only !== undefined && more.length === 0) return planKey(only);
  return { kind: 'several', parts: key.map(planKey) };
}

function planKey(key: LimitKey): PlanLimitKey {
  if (key === 'client' || key === 'route') return { kind: key };
  const [kind, ...rest] = key.split(':');
  return kind === 'header'
    ? { kind, name: rest.join(':').toLowerCase() }
    : { kind: 'claim', name: rest.join(':') };
}

function planCost(written: Cost): PlanLimit['cost'] {
  if (typeof written === 'number') return { kind: 'tokens', tokens: written };
  if (written === 'response-bytes') return { kind: written };
  return { kind: 'header', name: written.slice('header:'.length).toLowerCase() };
}
