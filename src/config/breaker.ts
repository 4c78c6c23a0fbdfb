// Options of the breaker of an upstream: when it opens, and what answers meanwhile.
import { z } from 'zod';
import { identifier } from './names.ts';
import { conflict, expecting, integer, list, option, optional, section, withDefault } from './option.ts';
import type { PlanUpstream } from './plan.ts';
import { duration } from './units.ts';

const statusPattern = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/;

/** `"503"` or `"500-599"`; undefined when it is neither. */
function parseStatuses(text: string): [number, number] | undefined {
  const [, low, high = low] = statusPattern.exec(text) ?? [];
  if (low === undefined || high === undefined || Number(high) < Number(low)) return undefined;
  return [Number(low), Number(high)];
}

const statuses = expecting(
  z.string().refine((text) => parseStatuses(text) !== undefined),
  'a status or a range of them, such as "503" or "500-599"',
);

const answerSection = section(
  { name: 'BreakerAnswerConfig', text: 'A fixed answer in the place of an upstream.' },
  {
    status: option(withDefault(integer(200, 599), 503), 'Its status; 204 and 304 have no body.'),
    body: option(
      optional(
        expecting(
          z.union([z.string().max(65_536), z.record(z.string(), z.unknown())]),
          'a text or an object',
          {
            type: 'string | Record<string, unknown>',
          },
        ),
        'none',
      ),
      'Its body: a text, or an object that is written as JSON.',
    ),
    contentType: option(
      optional(
        expecting(z.string().regex(/^[\x21-\x7e][\x20-\x7e]{0,126}$/), 'a media type such as "text/plain"'),
        '`application/json` of an object, `text/plain; charset=utf-8` of a text',
      ),
      'Its `Content-Type`.',
    ),
  },
).superRefine(({ status, body }, context) => {
  if (body === undefined || (status !== 204 && status !== 304)) return;
  context.addIssue(conflict(['body'], `nothing with status ${status}`, body));
});

const otherSection = section(
  { name: 'BreakerUpstreamConfig', text: 'Another upstream that stands in.' },
  {
    upstream: option(
      identifier(),
      'Id under `upstreams`. While its own breaker is open too, the answer is 503.',
    ),
  },
);

export const breakerSection = section(
  {
    name: 'BreakerConfig',
    text: 'When too many requests to an upstream fail, further ones are refused for a while instead of being sent.',
  },
  {
    failureRatio: option(
      withDefault(expecting(z.number().gt(0).max(1), 'a number above 0 and at most 1'), 0.6),
      'Share of the requests within `window` that must have failed for it to open. It is looked at when a request fails.',
    ),
    minRequests: option(
      withDefault(integer(1, 1_000_000), 20),
      'Requests within `window` below which nothing is concluded.',
    ),
    window: option(withDefault(duration('100ms', '1h'), '10s'), 'The time that is looked back.'),
    open: option(
      withDefault(duration('100ms', '1h'), '60s'),
      'How long it refuses before some requests are tried again.',
    ),
    halfOpenRequests: option(
      withDefault(integer(1, 1000), 3),
      'Requests that are tried then. If the ratio of them fails it opens again, else it closes.',
    ),
    failureStatuses: option(
      withDefault(list(statuses, 'statuses'), ['500-599']),
      'Answers that count as failures. Refused, broken and late connections always do; clients that go away never.',
    ),
    fallback: option(
      optional(
        expecting(
          z.union([otherSection, answerSection]),
          'an object {"status", "body", "contentType"} or {"upstream"}',
        ),
        '503 with the code `breaker_open` and `Retry-After`',
      ),
      'What serves a request that is refused.',
    ),
  },
);

type Breaker = z.output<typeof breakerSection>;

/** The part of the plan of an upstream. */
export function planBreaker(breaker: Breaker | undefined): PlanUpstream['breaker'] {
  if (breaker === undefined) return null;
  return {
    failureRatio: breaker.failureRatio,
    minRequests: breaker.minRequests,
    windowMs: breaker.window,
    openMs: breaker.open,
    halfOpenRequests: breaker.halfOpenRequests,
    failureStatuses: breaker.failureStatuses.map(parseStatuses).filter((range) => range !== undefined),
    fallback: breaker.fallback === undefined ? null : planFallback(breaker.fallback),
  };
}

type Fallback = NonNullable<NonNullable<PlanUpstream['breaker']>['fallback']>;

function planFallback(fallback: NonNullable<Breaker['fallback']>): Fallback {
  if ('upstream' in fallback) return { kind: 'upstream', upstream: fallback.upstream };
  const { status, body, contentType } = fallback;
  const isText = typeof body === 'string';
  return {
    kind: 'answer',
    status,
    contentType: contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json'),
    body: isText ? body : body === undefined ? '' : JSON.stringify(body),
  };
}
