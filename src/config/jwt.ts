// Options that a route has for tokens: whose, and with which scopes.
import { z } from 'zod';
import { identifier, scope } from './names.ts';
import { expecting, list, option, section, withDefault } from './option.ts';
import type { PlanRoute } from './plan.ts';

export const jwtSection = section(
  { name: 'JwtConfig', text: 'Which tokens a route takes.' },
  {
    issuer: option(identifier(), 'Id under `issuers`.'),
    scopes: option(
      withDefault(list(scope(), 'scopes'), []),
      'Scopes that a token must carry, all of them; else 403.',
    ),
  },
);

export const jwtOption = expecting(
  z.union([identifier(), jwtSection, z.literal(false)]),
  'the id of an issuer, an object {"issuer", "scopes"} or false',
);

/** Null when the route takes requests without a token. */
export function planJwt(jwt: z.output<typeof jwtOption> | undefined): PlanRoute['jwt'] {
  if (jwt === undefined || jwt === false) return null;
  return typeof jwt === 'string' ? { issuer: jwt, scopes: [] } : jwt;
}
