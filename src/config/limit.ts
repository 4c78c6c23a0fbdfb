// Options of a limit: a quota (rate / per / burst) and what it is counted by.
import { z } from 'zod';
import { conflict, expecting, integer, option, optional, section, withDefault } from './option.ts';
import type { PlanLimit } from './plan.ts';
import { duration } from './units.ts';

const keyPattern = /^(?:client|route|header:[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}|claim:[\x20-\x7e]{1,256})$/;
const longestFillMs = 366 * 86_400_000;

type LimitKey = 'client' | 'route' | `header:${string}` | `claim:${string}`;

const limitKey = expecting(
  z.string().regex(keyPattern) as unknown as z.ZodType<LimitKey, LimitKey>,
  '"client", "route", "header:NAME" or "claim:NAME"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a TypeScript type that is written to types.ts
  { type: "'client' | 'route' | `header:${string}` | `claim:${string}`" },
);

export const limitSection = section(
  { name: 'LimitConfig', text: 'A token bucket: `rate` requests each `per`, `burst` at once.' },
  {
    rate: option(integer(1, 1_000_000_000), 'Requests that are let through in each `per`, over time.'),
    per: option(duration('1ms', '31d'), 'The time in which `rate` is counted.'),
    burst: option(
      optional(integer(1, 1_000_000_000), '`rate`'),
      'Capacity of the bucket: requests that may come at once. It must fill in at most 366 days.',
    ),
    key: option(
      withDefault(limitKey, 'client'),
      'What has a bucket of its own: the client address (IPv6 by /64), the route, the value of a header, or a claim. ' +
        'A request without that header or claim counts by its client.',
    ),
  },
).superRefine(fillsInTime);

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

/** The limit as the data plane wants it. */
export function planLimit(id: string, limit: z.output<typeof limitSection>): PlanLimit {
  return {
    id,
    rate: limit.rate,
    perMs: limit.per,
    burst: limit.burst ?? limit.rate,
    key: planKey(limit.key),
  };
}

function planKey(key: LimitKey): PlanLimit['key'] {
  if (key === 'client' || key === 'route') return { kind: key };
  const [kind, ...name] = key.split(':');
  return kind === 'header'
    ? { kind, name: name.join(':').toLowerCase() }
    : { kind: 'claim', name: name.join(':') };
}
