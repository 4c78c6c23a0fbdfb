// Options of the CORS policy of a route (Fetch standard); it decides no request.
import { z } from 'zod';
import { headerName, method } from './names.ts';
import { conflict, expecting, flag, list, option, optional, section, withDefault } from './option.ts';
import type { PlanCors } from './plan.ts';
import { duration } from './units.ts';

const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const originPattern =
  /^(?:\*|https?:\/\/(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?)$/;

export const corsSection = section(
  {
    name: 'CorsConfig',
    text: 'Which pages of other origins may call the route. Preflights are answered before token and limits.',
  },
  {
    origins: option(
      list(
        expecting(
          z.string().max(300).regex(originPattern),
          'an origin such as "https://app.example", "https://*.example" or "*", in lower case',
        ),
        'origins',
        1,
      ),
      'Origins that are allowed: exact, all below a domain (`"https://*.example"`), or `"*"`.',
    ),
    credentials: option(
      withDefault(flag(), false),
      'Whether cookies and credentials may be sent. Not with `"*"`.',
    ),
    methods: option(
      optional(list(method(), 'methods', 1), 'those of the route, or GET, HEAD, POST, PUT, PATCH, DELETE'),
      'Methods that a preflight allows.',
    ),
    headers: option(
      withDefault(list(headerName(), 'header names'), ['authorization', 'content-type']),
      'Request headers that a preflight allows.',
    ),
    exposedHeaders: option(
      withDefault(list(headerName(), 'header names'), []),
      'Response headers that the page may read, such as `"x-trace-id"`.',
    ),
    maxAge: option(
      withDefault(duration('0s', '24h', true), '10m'),
      'How long a browser may remember a preflight.',
    ),
  },
).superRefine((cors, context) => {
  if (!cors.credentials) return;
  for (const name of ['origins', 'methods', 'headers', 'exposedHeaders'] as const) {
    const index = cors[name]?.indexOf('*') ?? -1;
    if (index >= 0) context.addIssue(conflict([name, index], 'no "*" beside "credentials": true', '*'));
  }
});

/** The policy as the data plane wants it; `routeMethods` is empty when the route takes all. */
export function planCors(cors: z.output<typeof corsSection>, routeMethods: readonly string[]): PlanCors {
  return {
    origins: cors.origins,
    credentials: cors.credentials,
    methods: cors.methods ?? (routeMethods.length > 0 ? [...routeMethods] : usualMethods),
    headers: cors.headers.map((name) => name.toLowerCase()),
    exposedHeaders: cors.exposedHeaders.map((name) => name.toLowerCase()),
    maxAgeSeconds: cors.maxAge / 1000,
  };
}
