// Options of API keys: lists of hashed keys with whom each stands for, and which list a route takes.
import { z } from 'zod';
import { failureLimitOption, planFailures } from './failures.ts';
import { claimName, identifier, label, removableHeader, scope } from './names.ts';
import { conflict, expecting, list, option, optional, section, withDefault } from './option.ts';
import type { PlanApiKeys, PlanRoute } from './plan.ts';

const maxKeys = 100_000;
/** Claims that other options state. */
const stated = ['sub', 'scope', 'scp', 'key_id'];

const moment = (): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> => {
  const schema = z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    .transform((text, context) => {
      const seconds = Date.parse(text) / 1000;
      if (Number.isInteger(seconds) && seconds >= 0) return seconds;
      context.issues.push({ code: 'custom', input: text });
      return z.NEVER;
    });
  return expecting(schema, 'a moment such as "2027-01-31T00:00:00Z"', { type: 'string' });
};

const keySection = section(
  { name: 'ApiKeyConfig', text: 'One API key: its hash, and whom it stands for.' },
  {
    id: option(identifier(), 'Name in metrics, and the claim `key_id`; one key each.'),
    hash: option(
      expecting(
        z.string().regex(/^sha256:[0-9a-f]{64}$/),
        '"sha256:" and 64 hex digits, as `ferrogate api-key` prints them',
        { secret: true },
      ),
      'SHA-256 of the key. A key needs 128 bits of chance, so one of less than 22 bytes is refused whatever its hash.',
    ),
    subject: option(
      optional(label(), 'the `id`'),
      'Whom it stands for: the claim `sub`. Keys of one subject share its limits.',
    ),
    scopes: option(withDefault(list(scope(), 'scopes'), []), 'Scopes that it has, the claim `scope`.'),
    claims: option(
      withDefault(expecting(z.record(claimName(), z.unknown()), 'an object of claims'), {}),
      'Further claims, used as those of a token are: limits, `claimHeaders`, handlers.',
    ),
    notBefore: option(optional(moment(), 'good at once'), 'The first second at which it is good.'),
    notAfter: option(optional(moment(), 'good for ever'), 'The first second at which it is good no longer.'),
  },
).superRefine((key, context) => {
  for (const name of Object.keys(key.claims)) {
    if (!stated.includes(name)) continue;
    context.addIssue(conflict(['claims', name], 'a claim that no other option states', key.claims[name]));
  }
  const { notBefore, notAfter } = key;
  if (notBefore === undefined || notAfter === undefined || notBefore < notAfter) return;
  context.addIssue(conflict(['notAfter'], 'a moment after "notBefore"', notAfter));
});

export const apiKeysSection = section(
  { name: 'ApiKeysConfig', text: 'A list of API keys that routes may take.' },
  {
    header: option(
      withDefault(removableHeader(), 'x-api-key'),
      'The header that carries the key. It is never sent on.',
    ),
    keys: option(
      expecting(z.array(keySection).max(maxKeys), `a list of at most ${maxKeys} keys`),
      'The keys; several may stand for one subject, so that one can be replaced while the other is good.',
    ),
    failureLimit: failureLimitOption(
      'How many keys of one client address (IPv6 by /64) may be refused with 401; past it they are 429. A good key always passes. `false` counts none.',
    ),
  },
).superRefine(({ keys }, context) => {
  for (const name of ['id', 'hash'] as const) {
    const seen = new Set<string>();
    keys.forEach((key, index) => {
      if (seen.has(key[name]))
        context.addIssue(
          conflict(['keys', index, name], 'one that no other key has', name === 'id' ? key.id : '***'),
        );
      seen.add(key[name]);
    });
  }
});

const apiKeySection = section(
  { name: 'RouteApiKeyConfig', text: 'Which API keys a route takes.' },
  {
    keys: option(identifier(), 'Id under `apiKeys`.'),
    scopes: option(
      withDefault(list(scope(), 'scopes'), []),
      'Scopes that a key must have, all of them; else 403.',
    ),
  },
);

export const apiKeyOption = expecting(
  z.union([identifier(), apiKeySection, z.literal(false)]),
  'the id of a list of API keys, an object {"keys", "scopes"} or false',
);

/** The list as the data plane wants it. */
export function planApiKeys(id: string, list: z.output<typeof apiKeysSection>): PlanApiKeys {
  return {
    id,
    header: list.header.toLowerCase(),
    keys: list.keys.map((key) => ({
      id: key.id,
      hash: key.hash.slice('sha256:'.length),
      notBefore: key.notBefore ?? null,
      notAfter: key.notAfter ?? null,
      claims: JSON.stringify({
        ...key.claims,
        sub: key.subject ?? key.id,
        key_id: key.id,
        ...(key.scopes.length === 0 ? {} : { scope: key.scopes.join(' ') }),
      }),
    })),
    failures: planFailures(list.failureLimit),
  };
}

/** Null when the route takes requests without a key. */
export function planApiKey(key: z.output<typeof apiKeyOption> | undefined): PlanRoute['apiKey'] {
  if (key === undefined || key === false) return null;
  return typeof key === 'string' ? { keys: key, scopes: [] } : key;
}
