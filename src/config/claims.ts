// Options that say what a token must carry: single claims, authorized parties, type and age; shared by issuers and routes.
import { z } from 'zod';
import { claimName } from './names.ts';
import { conflict, expecting, flag, list, option, optional, section, withDefault } from './option.ts';
import type { PlanClaim, PlanDemands } from './plan.ts';
import { duration } from './units.ts';

const maxClaims = 64;
const scalarWords = 'a string of at most 2048 characters, a number, true or false';

type Scalar = string | number | boolean;

/** What a claim is compared with; a number that JavaScript cannot hold exactly is compared with nothing. */
const scalar = (): z.ZodType<Scalar, Scalar> =>
  expecting(
    z.union([
      z.string().max(2048),
      z.number().refine((number) => !Number.isInteger(number) || Number.isSafeInteger(number)),
      z.boolean(),
    ]),
    scalarWords,
  );

export const claimSection = section(
  { name: 'ClaimConfig', text: 'What one claim must be. All that is said must hold.' },
  {
    required: option(
      withDefault(flag(), true),
      'Whether the claim must be there and not null; `false` looks at it only where it is there.',
    ),
    equals: option(
      optional(scalar(), 'any'),
      'The value, of the same type: `1` is not `"1"`; a list never equals.',
    ),
    anyOf: option(optional(list(scalar(), 'values', 1), 'any'), 'Values of which it must be one.'),
    contains: option(
      optional(scalar(), 'any'),
      'A value that must be in it, where it is a list; where it is none, the value that it must be. Text is not cut into words.',
    ),
    pattern: option(
      optional(expecting(z.string().min(1).max(512), 'a regular expression of 1 to 512 characters'), 'any'),
      'A regular expression (RE2 syntax, of ASCII, without look-around and back-references) for the whole of a string of at most 1024 bytes.',
    ),
  },
).superRefine((claim, context) => {
  const tests = [claim.equals, claim.anyOf, claim.contains, claim.pattern];
  if (!claim.required && tests.every((test) => test === undefined))
    context.addIssue(conflict(['required'], 'true, or what the claim must be where it is there', false));
  if (claim.equals !== undefined && claim.anyOf !== undefined)
    context.addIssue(conflict(['equals'], 'nothing beside "anyOf"', claim.equals));
});

export const claimsOption = expecting(
  z.record(claimName(), claimSection).refine((claims) => Object.keys(claims).length <= maxClaims),
  `an object of at most ${maxClaims} claims`,
);

const mediaType = expecting(
  z.string().regex(/^(?:[A-Za-z0-9!#$&^_.+-]{1,127}\/)?[A-Za-z0-9!#$&^_.+-]{1,127}$/),
  'a media type such as "at+jwt"',
);

/** The options for demands on a token; `refusal` says what comes of a token that does not meet them. */
export function demandOptions(refusal: string) {
  return {
    claims: option(
      withDefault(claimsOption, {}),
      `Claims by name; a dot goes into a member (\`realm_access.org\`). ${refusal}`,
    ),
    authorizedParties: option(
      optional(
        list(expecting(z.string().min(1).max(2048), 'a string of 1 to 2048 characters'), 'clients', 1),
        'any',
      ),
      `Clients of which the token must name one as \`azp\`. ${refusal}`,
    ),
    type: option(
      optional(mediaType, 'any'),
      `The \`typ\` of the token's header, such as \`"at+jwt"\`, whatever its case and with or without \`application/\`. ${refusal}`,
    ),
    maxTokenAge: option(
      optional(duration('1s', '366d', true), 'any age'),
      `How long ago the token may have been issued (\`iat\`, which it must have then). ${refusal}`,
    ),
  };
}

interface Demands {
  readonly claims: z.output<typeof claimsOption>;
  readonly authorizedParties?: string[] | undefined;
  readonly type?: string | undefined;
  readonly maxTokenAge?: number | undefined;
}

/** The demands as the data plane wants them; null when there are none. */
export function planDemands({ claims, authorizedParties, type, maxTokenAge }: Demands): PlanDemands | null {
  const planned = {
    claims: planClaims(claims),
    authorizedParties: authorizedParties ?? null,
    tokenType: type ?? null,
    maxAgeSeconds: maxTokenAge === undefined ? null : maxTokenAge / 1000,
  };
  const isEmpty = planned.claims.length === 0 && [authorizedParties, type, maxTokenAge].every(isAbsent);
  return isEmpty ? null : planned;
}

export function planClaims(claims: z.output<typeof claimsOption>): PlanClaim[] {
  return Object.entries(claims).map(([name, claim]) => ({
    name,
    required: claim.required,
    anyOf: claim.equals === undefined ? (claim.anyOf ?? null) : [claim.equals],
    contains: claim.contains ?? null,
    pattern: claim.pattern ?? null,
  }));
}

function isAbsent(value: unknown): boolean {
  return value === undefined;
}
