// Who signs access tokens: what a signer does, and signers of keys at hand and of a user function. It knows no claims.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  KeyObject,
  sign,
  type webcrypto,
} from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, type JWK } from 'jose';

/** A public key of a signer. */
export interface SignerKey {
  /** Unique among the keys of the issuer; the same in every process. */
  readonly kid: string;
  /** RSA, 2048 bit or more. Private members are an error. */
  readonly publicKey: JWK;
  /**
   * Milliseconds since 1970 at which the key was made. It signs `publishAhead` later, and replaces the key before it.
   * Null: a key that was always there. The first of those signs until a key with a date does, the others are only published.
   */
  readonly createdAt: number | null;
}

/** Signs by RSASSA-PKCS1-v1_5 with SHA-256 (RS256), wherever its private keys are. */
export interface Signer {
  /** Every key that signs, will sign or has signed tokens that may still live. */
  keys(): Promise<readonly SignerKey[]>;
  /** The signature over `data` by the key `kid`. */
  sign(data: Uint8Array, kid: string): Promise<Uint8Array>;
  /** Makes a new key, dated `now`; keys that `published` does not name may be forgotten. Absent: keys come from elsewhere. */
  rotate?(now: number, published: readonly string[]): Promise<void>;
}

/** A private RSA key: PEM (PKCS#8 or PKCS#1), JWK, `CryptoKey` or `KeyObject`. */
export type PrivateKey = string | JWK | webcrypto.CryptoKey | KeyObject;

/** A private key with what is to be known of it. */
export interface DatedKey {
  readonly key: PrivateKey;
  /** Default: `kid` of the JWK, else its thumbprint (RFC 7638). */
  readonly kid?: string;
  /** When it was made; every process of a fleet says the same. See `SignerKey.createdAt`; default null. */
  readonly createdAt?: Date | number;
}

/** Keys of one issuer, the ones that are no longer published too. */
export const MAX_KEYS = 16;
const MIN_BITS = 2048;
const MAX_BITS = 4096;

interface HeldKey extends SignerKey {
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);
const signAsync = promisify(
  (key: KeyObject, data: Uint8Array, done: (error: Error | null, signature: Buffer) => void) =>
    sign('sha256', data, key, done),
);

/**
 * Signs with keys that this process holds. `rotate` makes a new RSA key of 2048 bit in this process alone: a fleet is
 * given dated keys instead, or signs with `vaultTransitSigner`.
 * @throws TypeError for a key that is not a private RSA key of 2048 to 4096 bit; the message does not contain it
 */
export function keySigner(keys: PrivateKey | DatedKey | readonly (PrivateKey | DatedKey)[]): Signer {
  const given: readonly (PrivateKey | DatedKey)[] = Array.isArray(keys)
    ? keys
    : [keys as PrivateKey | DatedKey];
  if (given.length === 0 || given.length > MAX_KEYS)
    throw new TypeError(`signer: expected 1 to ${MAX_KEYS} private keys`);
  return new KeySigner(given.map(dated));
}

/** What a user function signs with: a KMS, an HSM, another process. */
export interface FunctionSignerOptions {
  /** The RS256 signature over `bytes` by the key `kid`. What it answers is verified before a token is given out. */
  readonly sign: (bytes: Uint8Array, kid: string) => Uint8Array | Promise<Uint8Array>;
  /** The public keys, each with `kid`, or a function that is asked again once a minute. */
  readonly keys: readonly SignerKey[] | (() => readonly SignerKey[] | Promise<readonly SignerKey[]>);
  /** Makes a new key there; without it `rotateKey` is an error. */
  readonly rotate?: () => void | Promise<void>;
}

/** Signs by a function of the application. */
export function functionSigner({ sign, keys, rotate }: FunctionSignerOptions): Signer {
  return {
    keys: async () => (typeof keys === 'function' ? keys() : keys),
    sign: async (data, kid) => sign(data, kid),
    ...(rotate === undefined ? {} : { rotate: async () => rotate() }),
  };
}

/** The members of a public RSA key, and nothing else that `jwk` may hold. */
export function publicMembers(jwk: JWK): { kty: 'RSA'; n: string; e: string } {
  const { kty, n, e } = jwk;
  if (kty !== 'RSA' || typeof n !== 'string' || typeof e !== 'string')
    throw new TypeError('signer: expected RSA keys');
  return { kty: 'RSA', n, e };
}

/** @throws TypeError unless it is an RSA key of 2048 to 4096 bit */
export function checkedRsa(key: KeyObject): KeyObject {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < MIN_BITS || bits > MAX_BITS)
    throw new TypeError(`signer: expected RSA keys of ${MIN_BITS} to ${MAX_BITS} bit`);
  return key;
}

class KeySigner implements Signer {
  #held: Promise<readonly HeldKey[]>;

  constructor(given: readonly DatedKey[]) {
    const held = given.map((one) => ({ ...one, privateKey: privateKeyOf(one.key) }));
    this.#held = Promise.all(held.map(({ privateKey, kid, createdAt }) => hold(privateKey, kid, createdAt)));
    this.#held.catch(() => {});
  }

  async keys(): Promise<readonly SignerKey[]> {
    return this.#held;
  }

  async sign(data: Uint8Array, kid: string): Promise<Uint8Array> {
    const key = (await this.#held).find((one) => one.kid === kid);
    if (key === undefined) throw new TypeError('signer: the key is not there any more');
    return signAsync(key.privateKey, data);
  }

  async rotate(now: number, published: readonly string[]): Promise<void> {
    const { privateKey } = await generate('rsa', { modulusLength: MIN_BITS });
    const made = await hold(privateKey, undefined, now);
    this.#held = this.#held.then((held) => [...held.filter(({ kid }) => published.includes(kid)), made]);
    await this.#held;
  }
}

function dated(key: PrivateKey | DatedKey): DatedKey {
  const isDated = typeof key === 'object' && 'key' in key && !(key instanceof KeyObject);
  return isDated ? (key as DatedKey) : { key: key as PrivateKey };
}

function privateKeyOf(key: PrivateKey): KeyObject {
  let read: KeyObject;
  try {
    if (typeof key === 'string') read = createPrivateKey(key);
    else if (key instanceof KeyObject) read = key;
    else if (key instanceof CryptoKey) read = KeyObject.from(key as webcrypto.CryptoKey);
    else read = createPrivateKey({ key: key as JsonWebKey, format: 'jwk' });
  } catch {
    // What it was is not told: the error of a parser may quote it.
    throw new TypeError('signer: a private key cannot be read');
  }
  if (read.type !== 'private') throw new TypeError('signer: expected private keys');
  return checkedRsa(read);
}

async function hold(
  privateKey: KeyObject,
  kid: string | undefined,
  createdAt: Date | number | undefined,
): Promise<HeldKey> {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' }) as JWK;
  const publicKey = publicMembers(jwk);
  return {
    privateKey,
    publicKey,
    kid: kid ?? (await calculateJwkThumbprint(publicKey)),
    createdAt: createdAt === undefined ? null : Number(createdAt),
  };
}
