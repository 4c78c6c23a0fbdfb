// Options that say which target of an upstream a request goes to.
import { z } from 'zod';
import { choice, expecting, option, optional, withDefault } from './option.ts';
import type { PlanUpstream } from './plan.ts';

const name = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]{1,128}";
const keyPattern = new RegExp(`^(?:client|path|(?:header|cookie):${name}|claim:[\\x20-\\x7e]{1,256})$`);

type HashKey = 'client' | 'path' | `header:${string}` | `cookie:${string}` | `claim:${string}`;

const hashKey = expecting(
  z.string().regex(keyPattern) as unknown as z.ZodType<HashKey, HashKey>,
  '"client", "path", "header:NAME", "cookie:NAME" or "claim:NAME"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a TypeScript type that is written to types.ts
  { type: "'client' | 'path' | `header:${string}` | `cookie:${string}` | `claim:${string}`" },
);

/** The algorithms that keep a request to its target by a key. */
const keyed: readonly string[] = ['hash', 'maglev'];

/** The options of an upstream. */
export const balanceOptions = {
  balance: option(
    withDefault(choice('round-robin', 'least-request', 'ewma', 'hash', 'maglev', 'random'), 'round-robin'),
    'How requests are shared out by weight: in turn, to the less loaded or the faster of two, by a key (`"hash"`, `"maglev"`), or at random.',
  ),
  hashKey: option(
    optional(hashKey, '`"client"` with `"hash"` and `"maglev"`'),
    'What `"hash"` and `"maglev"` keep a request to its target by: the client address (IPv6 by /64), the path, the value of a header, cookie or claim. ' +
      'A request without that header or claim goes by its client; one without that cookie is given it.',
  ),
};

/** What is wrong with a `hashKey` that nothing reads; undefined when nothing is. */
export function unreadHashKey(upstream: {
  balance: string;
  hashKey?: string | undefined;
}): string | undefined {
  if (upstream.hashKey === undefined || keyed.includes(upstream.balance)) return undefined;
  return 'nothing unless "balance" is "hash" or "maglev"';
}

/** The part of the plan of an upstream. */
export function planBalance(upstream: {
  balance: PlanUpstream['balance'];
  hashKey?: HashKey | undefined;
}): Pick<PlanUpstream, 'balance' | 'hashKey'> {
  return { balance: upstream.balance, hashKey: planHashKey(upstream.hashKey ?? 'client') };
}

function planHashKey(key: HashKey): PlanUpstream['hashKey'] {
  if (key === 'client' || key === 'path') return { kind: key };
  const colon = key.indexOf(':');
  const kind = key.slice(0, colon) as 'header' | 'cookie' | 'claim';
  const written = key.slice(colon + 1);
  return { kind, name: kind === 'header' ? written.toLowerCase() : written };
}
