// Options that shape the request sent upstream: path, headers, identity.
import { z } from 'zod';
import { claimName, headerValue, removableHeader, repeatedHeader, settableHeader } from './names.ts';
import { choice, expecting, list, nameConflict, option, optional, section, withDefault } from './option.ts';
import type { PlanRoute } from './plan.ts';

const pathPrefix = (): z.ZodString =>
  expecting(
    z
      .string()
      .max(2048)
      .regex(/^(?:\/(?!\.{1,2}(?:\/|$))(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})+)+$/),
    'a path such as "/api", percent-encoded, without "/" at the end',
  );

export const rewriteSection = section(
  {
    name: 'RewriteConfig',
    text: 'How the path changes on its way to the upstream: first stripped, then extended.',
  },
  {
    stripPrefix: option(
      optional(pathPrefix(), 'none'),
      'Taken off the front of the path where it ends at a segment.',
    ),
    addPrefix: option(optional(pathPrefix(), 'none'), 'Put in front of the path.'),
  },
);

const headerValues = z.record(settableHeader(), headerValue()).superRefine((values, context) => {
  const repeated = repeatedHeader(Object.keys(values));
  if (repeated !== undefined)
    context.addIssue(nameConflict([repeated], 'each header once, whatever its case'));
});

export const headersSection = section(
  { name: 'RequestHeadersConfig', text: 'Changes to the request headers on their way to the upstream.' },
  {
    set: option(withDefault(headerValues, {}), 'Headers that are set, replacing those of the client.'),
    remove: option(
      withDefault(list(removableHeader(), 'header names'), []),
      'Headers of the client that are not sent on.',
    ),
  },
);

export const claimHeadersOption = z.record(settableHeader(), claimName()).superRefine((values, context) => {
  const repeated = repeatedHeader(Object.keys(values));
  if (repeated !== undefined)
    context.addIssue(nameConflict([repeated], 'each header once, whatever its case'));
});

export const allowEncodedOption = list(choice('%2f', '%5c', '//', '\\'), 'these: "%2f", "%5c", "//", "\\"');

/** The names in lower case. */
export function planHeaders(headers: z.output<typeof headersSection>): PlanRoute['headers'] {
  return {
    set: Object.entries(headers.set).map(([name, value]) => [name.toLowerCase(), value]),
    remove: headers.remove.map((name) => name.toLowerCase()),
  };
}

/** Pairs of header name in lower case and claim. */
export function planClaimHeaders(claims: Readonly<Record<string, string>>): PlanRoute['claimHeaders'] {
  return Object.entries(claims).map(([header, claim]) => [header.toLowerCase(), claim]);
}
