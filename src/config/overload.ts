// Options of the overload guard: what the process may use before it ends connections, refuses requests and stops accepting.
import { z } from 'zod';
import { conflict, expecting, option, section, withDefault } from './option.ts';
import type { Plan, PlanOverload } from './plan.ts';
import { duration, size } from './units.ts';

const MAX_IN_FLIGHT = 1_048_576;
const percentPattern = /^([1-9][0-9]?|100)%$/;

const share = (min: number, max: number) =>
  expecting(z.number().min(min).max(max), `a number from ${min} to ${max}`);

const percent = z
  .string()
  .regex(percentPattern)
  .transform((text) => ({ percent: Number.parseInt(text, 10) }));

const memory = expecting(
  z.union([percent, size('16mb', '1024gb'), z.null()]),
  'a share of the memory from "1%" to "100%", a size from "16mb" to "1024gb", or null',
  { type: 'Size | null' },
);

export const overloadSection = section(
  {
    name: 'OverloadConfig',
    text: 'The overload guard. The resource that is nearest to its maximum decides which of three steps is taken, each with those before it: answers end their connections, then new requests are 503 `overloaded`, then no connection is accepted.',
  },
  {
    maxInFlight: option(
      withDefault(
        expecting(
          z.int().min(1).max(MAX_IN_FLIGHT).nullable(),
          `an integer from 1 to ${MAX_IN_FLIGHT}, or null`,
        ),
        16_384,
      ),
      'Exchanges in flight at which new requests are refused, open WebSockets among them; `null` is no bound.',
    ),
    maxMemory: option(
      withDefault(memory, '85%'),
      'Resident memory of the process at which they are refused; `"85%"` is of what the container, or else the machine, has; `null` is no bound.',
    ),
    maxEventLoopDelay: option(
      withDefault(
        expecting(duration('1ms', '1h').nullable(), 'a duration from "1ms" to "1h", or null'),
        null,
      ),
      'How late timers of the event loop fire, averaged over a second, at which requests that need the loop are refused: all with `uws` and `threads: "loop"`, else those for handlers. Off unless it is set, for how late a loop may be depends on its handlers and on the machine.',
    ),
    shedAt: option(
      withDefault(share(0.1, 1), 0.8),
      'Share of a maximum at which answers begin to end their connections.',
    ),
    stopAt: option(
      withDefault(share(1, 10), 1.1),
      'Share of a maximum at which connections are no longer accepted.',
    ),
    hysteresis: option(
      withDefault(share(0, 0.5), 0.05),
      'How far below its beginning, as a share of the maximum, a step ends; less than `shedAt`.',
    ),
    retryAfter: option(
      withDefault(duration('1s', '1h', true), '1s'),
      'What `Retry-After` tells a client that was refused.',
    ),
  },
).superRefine(({ shedAt, hysteresis }, context) => {
  // The first step would begin and never end.
  if (hysteresis >= shedAt) context.addIssue(conflict(['hysteresis'], 'less than "shedAt"', hysteresis));
});

export const overloadOption = expecting(z.union([overloadSection, z.literal(false)]), 'an object or false');

/** The guard as the data plane wants it; null when it is off. */
export function planOverload(overload: z.output<typeof overloadOption>): Plan['overload'] {
  if (overload === false) return null;
  return {
    maxInFlight: overload.maxInFlight,
    maxMemory: planMemory(overload.maxMemory),
    maxEventLoopDelayMs: overload.maxEventLoopDelay,
    shed: thousandths(overload.shedAt),
    stop: thousandths(overload.stopAt),
    hysteresis: thousandths(overload.hysteresis),
    retryAfterSeconds: overload.retryAfter / 1000,
  };
}

function planMemory(memory: z.output<typeof overloadSection>['maxMemory']): PlanOverload['maxMemory'] {
  if (memory === null) return null;
  return typeof memory === 'number' ? { kind: 'bytes', bytes: memory } : { kind: 'percent', ...memory };
}

const thousandths = (value: number): number => Math.round(value * 1000);
