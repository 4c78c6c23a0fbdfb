// The option that bounds how many tokens or keys of one client may fail.
import { z } from 'zod';
import { fillsInTime } from './limit.ts';
import { expecting, integer, option, optional, section, withDefault } from './option.ts';
import type { PlanIssuer } from './plan.ts';
import { duration } from './units.ts';

const failureSection = section(
  { name: 'FailureLimitConfig', text: 'How many tokens of one client may fail: a token bucket.' },
  {
    rate: option(integer(1, 1_000_000_000), 'Tokens that may fail in each `per`, over time.'),
    per: option(withDefault(duration('1ms', '31d'), '1s'), 'The time in which `rate` is counted.'),
    burst: option(
      optional(integer(1, 1_000_000_000), '`rate`'),
      'Tokens that may fail at once. It must fill in at most 366 days.',
    ),
  },
).superRefine(fillsInTime);

const failureLimit = () =>
  withDefault(
    expecting(z.union([failureSection, z.literal(false)]), 'an object {"rate", "per", "burst"} or false'),
    { rate: 20, per: '1s', burst: 100 },
  );

/** Declares the option with words of its own. */
export function failureLimitOption(text: string): ReturnType<typeof failureLimit> {
  return option(failureLimit(), text);
}

export function planFailures(limit: z.output<ReturnType<typeof failureLimit>>): PlanIssuer['failures'] {
  if (limit === false) return null;
  return { rate: limit.rate, perMs: limit.per, burst: limit.burst ?? limit.rate };
}
