// Makes API keys: 256 bits of chance, and the hash that a configuration holds in their place. It keeps neither.
import { createHash, randomBytes } from 'node:crypto';

export interface CreatedApiKey {
  /** For its owner alone, shown once: `fgk_` and 43 characters of base64url. */
  readonly key: string;
  /** For the configuration: `sha256:` and 64 hex digits. */
  readonly hash: string;
}

/** Makes a key and its hash. */
export function createApiKey(): CreatedApiKey {
  const key = `fgk_${randomBytes(32).toString('base64url')}`;
  return { key, hash: hashApiKey(key) };
}

/** The hash of a key of another make, which must have 22 to 256 bytes and at least 128 bits of chance. */
export function hashApiKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
