// A loader of keys in Vault for tests: what it loads, and how it fails.
import type { VaultSource } from '../../src/config/vault.ts';
import { KeyFailure } from '../../src/jwks/failure.ts';
import { vaultLoader } from '../../src/jwks/vault.ts';

export const kv = { kv: { mount: 'secret', path: 'gateway/keys' } };

export type More = Partial<Omit<VaultSource, 'address'>>;
export type VaultLoader = ReturnType<typeof vaultLoader>;

/** Of a key set in `kv`, with the token `root` unless `more` says otherwise. */
export function vaultAt(address: string, now: () => number, more: More = {}): VaultLoader {
  return vaultLoader({ address, keys: kv, auth: { token: 'root' }, ...more }, now);
}

export const never = new AbortController().signal;

export async function load(from: VaultLoader): Promise<Record<string, unknown>[]> {
  const { json } = await from.load(never);
  return (JSON.parse(json) as { keys: Record<string, unknown>[] }).keys;
}

/** The class and the words of a failure. */
export async function failure(from: VaultLoader): Promise<[string, string]> {
  const error: unknown = await from.load(never).then(
    () => 'it loaded',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KeyFailure)) throw error;
  return [error.reason, error.message];
}
