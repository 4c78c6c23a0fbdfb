// Text or objects that hold public keys become a JSON Web Key Set (RFC 7517); whether a key may verify is decided where it is used.
import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { KeyFailure } from './failure.ts';
import { maxBodyBytes } from './http.ts';

type Jwk = Readonly<Record<string, unknown>>;

/** Keys of one set that the data plane takes. */
export const maxKeys = 64;

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

/**
 * The key set that `text` holds: JSON of a set, JSON of one key, or PEM of public keys and certificates. A key in PEM
 * has the `kid` that is given, or its thumbprint (RFC 7638). `what` names the text in failures.
 */
export function keySetOf(text: string, what: string, kid?: string): string {
  if (text.length > maxBodyBytes)
    throw new KeyFailure('too_large', `${what} is longer than ${maxBodyBytes} bytes`);
  if (text.includes('-----BEGIN ')) return keySetJson(pemKeys(text, what, kid));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeyFailure('malformed', `${what} is neither JSON nor PEM`);
  }
  return keySetOfValue(value, what);
}

/** The same for a value: a set, one key, or text of either. */
export function keySetOfValue(value: unknown, what: string, kid?: string): string {
  if (typeof value === 'string') return keySetOf(value, what, kid);
  if (value === null || typeof value !== 'object')
    throw new KeyFailure('malformed', `${what} is no JSON Web Key Set`);
  const { keys, kty } = value as { keys?: unknown; kty?: unknown };
  if (Array.isArray(keys)) return bounded(keySetJson(keys), what);
  if (typeof kty === 'string') return bounded(keySetJson([value as Jwk]), what);
  throw new KeyFailure('malformed', `${what} is no JSON Web Key Set`);
}

/** The JSON of a set of these keys. */
export function keySetJson(keys: readonly Jwk[]): string {
  return JSON.stringify({ keys });
}

/** Every public key of a PEM text as a JWK; a private key is a mistake that is told and not used. */
export function pemKeys(text: string, what: string, kid?: string): Jwk[] {
  const blocks = [...text.matchAll(pemBlock)];
  if (blocks.length === 0) throw new KeyFailure('malformed', `${what} holds no whole PEM block`);
  if (blocks.some(([, label]) => label?.includes('PRIVATE')))
    throw new KeyFailure('malformed', `${what} holds a private key; only public keys belong there`);
  return blocks.map(([block]) => {
    const jwk = publicJwk(block, what);
    return { ...jwk, kid: blocks.length === 1 && kid !== undefined ? kid : thumbprint(jwk), use: 'sig' };
  });
}

/** An Ed25519 key of 32 bytes, as Vault gives it. */
export function ed25519Jwk(bytes: Buffer, kid: string): Jwk {
  return { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url'), kid, use: 'sig' };
}

function publicJwk(pem: string, what: string): JsonWebKey {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
    return key.export({ format: 'jwk' });
  } catch {
    throw new KeyFailure('malformed', `${what} holds PEM that is no public key`);
  }
}

/** RFC 7638 section 3: SHA-256 over the required members in lexicographic order. */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const required = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}

function bounded(json: string, what: string): string {
  if (json.length > maxBodyBytes)
    throw new KeyFailure('too_large', `${what} is longer than ${maxBodyBytes} bytes`);
  return json;
}
