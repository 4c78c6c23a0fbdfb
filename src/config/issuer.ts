// Options of a token issuer: what its tokens must say and where its keys come from.
import { z } from 'zod';
import { demandOptions, planDemands } from './claims.ts';
import { denyListOption, planDenyList } from './deny-list.ts';
import { failureLimitOption, planFailures } from './failures.ts';
import { checkKeySet, keySetOptions } from './key-set.ts';
import { claimName } from './names.ts';
import { expecting, integer, list, option, optional, section, withDefault } from './option.ts';
import type { PlanIssuer } from './plan.ts';
import { duration } from './units.ts';

const claimValue = (): z.ZodString =>
  expecting(z.string().min(1).max(2048), 'a string of 1 to 2048 characters');
/** RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
  'Ed25519',
] as const;
const algorithm = expecting(z.enum(algorithms), `one of ${algorithms.join(', ')}`, {
  type: 'TokenAlgorithm',
});

export const issuerSection = section(
  { name: 'IssuerConfig', text: 'Who signs the tokens, and what must be in them.' },
  {
    issuer: option(claimValue(), 'The `iss` that a token must carry, to the letter.'),
    algorithms: option(
      withDefault(list(algorithm, 'algorithms', 1), ['RS256']),
      'Signature algorithms that a token may name, each with the keys that are for it: a key with an `alg` of its own is for that one alone.',
    ),
    audience: option(
      expecting(
        z.union([list(claimValue(), 'audiences', 1), z.literal(false)]),
        'a list of one or more audiences, or false',
      ),
      'Audiences of which a token must carry one; `false` is the only way not to check.',
    ),
    ...keySetOptions,
    clockSkew: option(
      withDefault(duration('0s', '5m', true), '30s'),
      'How far the clock of the issuer may be off.',
    ),
    required: option(
      withDefault(list(claimName(), 'claim names'), ['exp']),
      'Claims that a token must carry.',
    ),
    ...demandOptions('Else 401 `token_invalid`.'),
    realm: option(
      optional(
        expecting(
          z.string().regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/),
          'printable ASCII without quotes and backslashes',
        ),
        '`service`',
      ),
      'The `realm` of `WWW-Authenticate`.',
    ),
    maxTokenBytes: option(
      withDefault(integer(256, 65536), 8192),
      'Longest token that is looked at, in bytes.',
    ),
    cacheEntries: option(
      withDefault(integer(1, 16_777_216), 65536),
      'How many verified tokens are remembered.',
    ),
    failureLimit: failureLimitOption(
      'How many tokens of one client address (IPv6 by /64) may cost a signature check and be refused; past it its tokens are 429 without a check, but for those that were verified before. `false` checks every one.',
    ),
    denyList: option(
      optional(denyListOption, '`false`'),
      'Whether tokens can be denied before they expire: `true` or `{}` keeps the list in this process, with `store` gateways share it.',
    ),
  },
).superRefine(checkKeySet);

type Issuer = z.output<typeof issuerSection>;

/** The issuer as the data plane wants it; `service` is the default realm. */
export function planIssuer(id: string, issuer: Issuer, service: string): PlanIssuer {
  return {
    id,
    issuer: issuer.issuer,
    algorithms: issuer.algorithms,
    audience: issuer.audience === false ? null : issuer.audience,
    clockSkewSeconds: issuer.clockSkew / 1000,
    required: issuer.required,
    realm: issuer.realm ?? service.replace(/["\\]/g, '_').slice(0, 128),
    maxTokenBytes: issuer.maxTokenBytes,
    cacheEntries: issuer.cacheEntries,
    refreshCooldownMs: issuer.refreshCooldown,
    failures: planFailures(issuer.failureLimit),
    demands: planDemands(issuer),
    denyList: planDenyList(issuer.denyList),
  };
}
