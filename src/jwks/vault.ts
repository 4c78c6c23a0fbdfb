// Key sets in HashiCorp Vault or OpenBao: public keys stored under a KV v2 path, or the public half of a Transit key.
import type { VaultSource } from '../config/vault.ts';
import { KeyFailure } from './failure.ts';
import { ed25519Jwk, keySetJson, keySetOfValue, maxKeys, pemKeys } from './key-text.ts';
import type { KeyLoader } from './loader.ts';
import { createVaultClient, type VaultClient } from './vault-client.ts';

type Members = Readonly<Record<string, unknown>>;

/** Loads the set that `from` describes; `now` is in milliseconds that only grow. */
export function vaultLoader(from: VaultSource, now: () => number): KeyLoader {
  const client = createVaultClient(from, now);
  const { keys } = from;
  const read =
    'kv' in keys
      ? (signal: AbortSignal) => readKv(client, keys.kv, signal)
      : (signal: AbortSignal) => readTransit(client, keys.transit, signal);
  return {
    async load(signal) {
      const json = await read(signal);
      const freshMs = client.renewWithinMs();
      return freshMs === undefined ? { json } : { json, freshMs };
    },
  };
}

/** `GET /:mount/data/:path`: the secret itself is a key set, or its fields are keys in PEM by `kid`. */
async function readKv(
  client: VaultClient,
  { mount, path, field }: { mount: string; path: string; field?: string | undefined },
  signal: AbortSignal,
): Promise<string> {
  const secret = members((await client.read(`${mount}/data/${path}`, signal))['data']);
  if (secret === undefined) throw new KeyFailure('missing', 'the secret in vault has no data');
  if (field !== undefined) {
    if (!Object.hasOwn(secret, field)) throw new KeyFailure('missing', 'the secret in vault lacks the field');
    return keySetOfValue(secret[field], 'the field of the secret in vault');
  }
  if (Array.isArray(secret['keys'])) return keySetOfValue(secret, 'the secret in vault');
  const keys = Object.entries(secret).flatMap(([kid, pem]) =>
    typeof pem === 'string' ? pemKeys(pem, 'a field of the secret in vault', kid) : [],
  );
  if (keys.length === 0) throw new KeyFailure('malformed', 'the secret in vault holds no key');
  return keySetJson(keys);
}

/** `GET /:mount/keys/:name`: every version that may still verify, the newest first, with the `kid` `name:vN`. */
async function readTransit(
  client: VaultClient,
  { mount, key: name }: { mount: string; key: string },
  signal: AbortSignal,
): Promise<string> {
  const data = await client.read(`${mount}/keys/${name}`, signal);
  const { min_decryption_version: least } = data;
  const versions = Object.entries(members(data['keys']) ?? {})
    .map(([version, value]) => ({ version: Number(version), publicKey: members(value)?.['public_key'] }))
    .filter(({ version }) => Number.isInteger(version) && (typeof least !== 'number' || version >= least))
    .sort((a, b) => b.version - a.version)
    .slice(0, maxKeys);
  const keys = versions.flatMap(({ version, publicKey }) =>
    typeof publicKey === 'string' && publicKey !== '' ? transitKey(publicKey, `${name}:v${version}`) : [],
  );
  if (keys.length === 0) throw new KeyFailure('unusable', 'the transit key in vault has no public key');
  return keySetJson(keys);
}

/** RSA and ECDSA come as PEM, Ed25519 as 32 bytes in base64. */
function transitKey(publicKey: string, kid: string): Members[] {
  if (publicKey.includes('-----BEGIN ')) return pemKeys(publicKey, 'the transit key in vault', kid);
  const bytes = Buffer.from(publicKey, 'base64');
  if (bytes.length !== 32) throw new KeyFailure('malformed', 'the transit key in vault is of no known kind');
  return [ed25519Jwk(bytes, kid)];
}

function members(value: unknown): Members | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Members)
    : undefined;
}
