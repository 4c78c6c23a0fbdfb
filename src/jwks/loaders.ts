// The choice of the loader that a configuration asks for.
import type { KeySource } from '../config/key-set.ts';
import { discoveryLoader } from './discovery.ts';
import { keySetJson } from './key-text.ts';
import { type Environment, environmentKeys, functionLoader, type KeyLoader, urlLoader } from './loader.ts';
import { vaultLoader } from './vault.ts';

/** A set that is at hand: it is read once. */
export interface SetAtHand {
  read(): string;
}

/** The loader of a source, or the set itself where there is nothing to load again. */
export function createKeyLoader(from: KeySource, env: Environment, now: () => number): KeyLoader | SetAtHand {
  const { jwks, issuer, allowInsecure } = from;
  if ('keys' in jwks) return { read: () => keySetJson(jwks.keys) };
  if ('env' in jwks) return { read: () => environmentKeys(jwks.env, jwks.kid, env) };
  if ('url' in jwks) return urlLoader(jwks.url, allowInsecure);
  if ('discovery' in jwks) return discoveryLoader(issuer, jwks.discovery, allowInsecure);
  if ('vault' in jwks) return vaultLoader(jwks.vault, now);
  return functionLoader(jwks.load);
}
