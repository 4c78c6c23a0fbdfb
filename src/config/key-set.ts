// Options that say where the key set of an issuer comes from, and for how long it is good; it fetches nothing.
import { z } from 'zod';
import { isLoopback, parseHttpUrl } from './addresses.ts';
import { conflict, expecting, option, optional, section, withDefault } from './option.ts';
import { duration } from './units.ts';
import { type VaultSource, vaultSection, vaultSource } from './vault.ts';

const httpUrl = (what: string): z.ZodString =>
  expecting(
    z.string().refine((text) => parseHttpUrl(text) !== undefined),
    what,
  );
const keySetUrl = httpUrl('an http or https URL without user name and password');
const key = expecting(z.record(z.string(), z.unknown()), 'a key (RFC 7517)', { secret: true });

/** What an application gives: a key set, or text of one as JSON or PEM. */
export type KeySetValue = string | { readonly keys: readonly object[] };

/** Loads a key set; `signal` says when nobody waits any more. */
export type LoadFunction = (options: { readonly signal: AbortSignal }) => KeySetValue | Promise<KeySetValue>;

const loadFunction = expecting(
  z.custom<LoadFunction>((value) => typeof value === 'function'),
  'a function',
  {
    type: '((options: { readonly signal: AbortSignal }) => KeySetValue | Promise<KeySetValue>)',
  },
);

const keySetSection = section(
  { name: 'KeySetConfig', text: 'Where a key set comes from: exactly one source.' },
  {
    keys: option(
      optional(
        expecting(z.array(key).min(1).max(1024), 'a list of 1 to 1024 keys', {
          secret: true,
          type: 'readonly Readonly<Record<string, unknown>>[]',
        }),
        'none',
      ),
      'The keys themselves (RFC 7517).',
    ),
    discovery: option(
      optional(
        expecting(z.union([z.literal(true), httpUrl('an http or https URL')]), 'true or an https URL'),
        'none',
      ),
      'Reads the metadata of the issuer (OpenID Connect Discovery, RFC 8414), and the set that it names: below `issuer` for `true`, else below this URL. The `issuer` that it names must be that of the configuration.',
    ),
    vault: option(optional(vaultSection, 'none'), 'Reads HashiCorp Vault or OpenBao.'),
    env: option(
      optional(
        expecting(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/), 'the name of an environment variable'),
        'none',
      ),
      'Reads a variable of the environment at the start: a key set as JSON, or public keys in PEM.',
    ),
    kid: option(
      optional(
        expecting(z.string().min(1).max(256), 'a key id'),
        'the thumbprint of the key (RFC 7638) where it is PEM',
      ),
      'With `env`: the `kid` of the one key in PEM.',
    ),
    load: option(
      optional(loadFunction, 'none'),
      'Calls a function of the application, which a file cannot hold.',
    ),
  },
).superRefine((set, context) => {
  const given = (['keys', 'discovery', 'vault', 'env', 'load'] as const).filter(
    (name) => set[name] !== undefined,
  );
  if (given.length !== 1)
    context.addIssue(conflict([], 'exactly one of "keys", "discovery", "vault", "env" and "load"', set));
  else if (set.kid !== undefined && set.env === undefined)
    context.addIssue(conflict(['kid'], 'nothing unless the key comes from "env"', set.kid));
});

/** Options of an issuer about its key set, but for `issuer` itself. */
export const keySetOptions = {
  jwks: option(
    expecting(z.union([keySetUrl, keySetSection]), 'a URL or an object {"keys": […]}'),
    'The key set: an https URL (http only for loopback), the set itself (RFC 7517), or another source.',
  ),
  allowInsecure: option(
    withDefault(expecting(z.boolean(), 'true or false'), false),
    'Whether `jwks` may be at an http URL of another machine. Who can answer it can sign tokens.',
  ),
  refreshInterval: option(
    withDefault(duration('10s', '1d'), '10m'),
    'How long a key set is good whose source does not say so by `Cache-Control` or `Expires`. It is fetched anew before that.',
  ),
  refreshCooldown: option(
    withDefault(duration('1s', '1h'), '30s'),
    'Least time between two fetches of the key set that an unknown `kid` causes.',
  ),
  fetchTimeout: option(
    withDefault(duration('10ms', '30s'), '5s'),
    'How long one fetch of the key set may take, from the connect to the last byte.',
  ),
  maxStale: option(
    withDefault(
      expecting(
        z.union([duration('1m', '20d'), z.literal(false)]),
        'a duration from "1m" to "20d", or false',
      ),
      '24h',
    ),
    'How long the last good key set is used while no other can be had; after that tokens are 503 until one comes. `false`: for ever. Keys that are at hand (`keys`, `env`) do not age.',
  ),
};

type KeySetSettings = z.output<z.ZodObject<typeof keySetOptions>> & { issuer: string };

/** Where the keys come from. */
export type KeyOrigin =
  | { readonly url: string }
  | { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  | { readonly discovery: string }
  | { readonly vault: VaultSource }
  | { readonly env: string; readonly kid?: string }
  | { readonly load: LoadFunction };

/** Where the key set of an issuer comes from, and its bounds. */
export interface KeySource {
  /** The id under `issuers`. */
  readonly id: string;
  /** The `iss`. */
  readonly issuer: string;
  readonly jwks: KeyOrigin;
  readonly allowInsecure: boolean;
  readonly refreshIntervalMs: number;
  readonly refreshCooldownMs: number;
  readonly fetchTimeoutMs: number;
  /** Null: for ever. */
  readonly maxStaleMs: number | null;
}

/** Faults between the source and the other options of its issuer. */
export function checkKeySet(issuer: KeySetSettings, context: z.core.$RefinementCtx): void {
  const { jwks } = issuer;
  if (typeof jwks === 'string') checkUrl(jwks, ['jwks'], issuer, context);
  else if (jwks.vault !== undefined)
    checkUrl(jwks.vault.address, ['jwks', 'vault', 'address'], issuer, context);
  else if (typeof jwks.discovery === 'string')
    checkUrl(jwks.discovery, ['jwks', 'discovery'], issuer, context);
  else if (jwks.discovery === true && parseHttpUrl(issuer.issuer) === undefined)
    context.addIssue(conflict(['jwks', 'discovery'], 'a URL, as "issuer" is none', true));
  else if (jwks.discovery === true) checkUrl(issuer.issuer, ['issuer'], issuer, context);
}

function checkUrl(
  text: string,
  path: PropertyKey[],
  { allowInsecure }: KeySetSettings,
  context: z.core.$RefinementCtx,
): void {
  const url = parseHttpUrl(text);
  if (allowInsecure || url === undefined || url.protocol === 'https:' || isLoopback(url)) return;
  context.addIssue(conflict(path, 'an https URL, or "allowInsecure": true', text));
}

/** Where the keys come from, as the key-set code wants it. */
export function keySource(id: string, issuer: KeySetSettings): KeySource {
  return {
    id,
    issuer: issuer.issuer,
    jwks: originOf(issuer),
    allowInsecure: issuer.allowInsecure,
    refreshIntervalMs: issuer.refreshInterval,
    refreshCooldownMs: issuer.refreshCooldown,
    fetchTimeoutMs: issuer.fetchTimeout,
    maxStaleMs: issuer.maxStale === false ? null : issuer.maxStale,
  };
}

function originOf({ issuer, jwks }: KeySetSettings): KeyOrigin {
  if (typeof jwks === 'string') return { url: jwks };
  const { keys, discovery, vault, env, kid, load } = jwks;
  if (keys !== undefined) return { keys };
  if (discovery !== undefined) return { discovery: discovery === true ? issuer : discovery };
  if (vault !== undefined) return { vault: vaultSource(vault) };
  if (env !== undefined) return { env, ...(kid === undefined ? {} : { kid }) };
  if (load === undefined) throw new TypeError('a key set passed its schema and has no source');
  return { load };
}
