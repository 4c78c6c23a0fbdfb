// Options that a route has for tokens: whose, from where, with which scopes, and whether they are demanded.
import { z } from 'zod';
import { demandOptions, planDemands } from './claims.ts';
import { denyFallback } from './deny-list.ts';
import { identifier, scope } from './names.ts';
import { conflict, expecting, flag, list, option, optional, section, withDefault } from './option.ts';
import type { PlanJwt, PlanTokenSource } from './plan.ts';

/** As many lookups may a token cost that was verified before. */
const mostIssuers = 8;
const mostSources = 8;

type TokenSource = 'header' | `header:${string}` | `cookie:${string}`;

const sourcePattern = /^(?:header|(?:header|cookie):[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128})$/;
/** What has a meaning of its own and is no place for a token; `Authorization` is `"header"`. */
const otherFields: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'host',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

const tokenSource = expecting(
  z
    .string()
    .regex(sourcePattern)
    .refine((text) => {
      const [kind, name = ''] = text.split(':');
      return kind !== 'header' || !otherFields.has(name.toLowerCase());
    }) as unknown as z.ZodType<TokenSource, TokenSource>,
  '"header" (Authorization), "header:NAME" of another field, or "cookie:NAME"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a TypeScript type that is written to types.ts
  { type: "'header' | `header:${string}` | `cookie:${string}`" },
);

const issuerIds = expecting(
  z.union([identifier(), list(identifier(), 'issuer ids', 1).max(mostIssuers)]),
  `the id of an issuer or a list of 1 to ${mostIssuers} of them`,
);

export const jwtSection = section(
  { name: 'JwtConfig', text: 'Which tokens a route takes.' },
  {
    issuer: option(
      issuerIds,
      'Id under `issuers`, or several: then the `iss` of a token says whose keys it is checked with.',
    ),
    scopes: option(
      withDefault(list(scope(), 'scopes'), []),
      'Scopes that a token must carry, all of them; else 403.',
    ),
    from: option(
      withDefault(
        expecting(
          list(tokenSource, 'places', 1).max(mostSources),
          `a list of 1 to ${mostSources} of "header", "header:NAME" and "cookie:NAME"`,
        ),
        ['header'],
      ),
      'Where a token may stand: `"header"` is `Authorization: Bearer`. Two different tokens in one request are 400. What held a token is forwarded as it came.',
    ),
    optional: option(
      withDefault(flag(), false),
      'Whether a request without a token goes on, without an identity. A bad token is refused all the same.',
    ),
    shadow: option(
      withDefault(flag(), false),
      'Whether this rule is only tried: what it would refuse is counted (`ferrogate_shadow_refusals_total`) and goes on, without an identity unless the token is good.',
    ),
    ...demandOptions('Else 403 `claims_refused`, looked at for each request.'),
    denyListFallback: option(
      optional(denyFallback(), '`denyList.fallback` of the issuer'),
      'What happens here while it is not known which tokens are denied. Only where the issuer has a `denyList` with a `store`.',
    ),
  },
).superRefine((jwt, context) => {
  if (!jwt.optional || jwt.scopes.length === 0) return;
  context.addIssue(
    conflict(['optional'], 'false beside "scopes", which a request without a token lacks', true),
  );
});

export const jwtOption = expecting(
  z.union([identifier(), jwtSection, z.literal(false)]),
  'the id of an issuer, an object {"issuer", "scopes", …} or false',
);

/** Null when the route takes requests without a token and looks at none. */
export function planJwt(jwt: z.output<typeof jwtOption> | undefined): PlanJwt | null {
  if (jwt === undefined || jwt === false) return null;
  const { issuer, scopes, from, optional, shadow } =
    typeof jwt === 'string' ? jwtSection.parse({ issuer: jwt }) : jwt;
  return {
    issuer: typeof issuer === 'string' ? [issuer] : issuer,
    scopes,
    from: from.map(planSource),
    optional,
    shadow,
    demands: typeof jwt === 'string' ? null : planDemands(jwt),
    denyListFallback: (typeof jwt === 'string' ? undefined : jwt.denyListFallback) ?? null,
  };
}

function planSource(source: TokenSource): PlanTokenSource {
  if (source === 'header') return { kind: 'authorization' };
  const name = source.slice(source.indexOf(':') + 1);
  return source.startsWith('header:')
    ? { kind: 'header', name: name.toLowerCase() }
    : { kind: 'cookie', name };
}
