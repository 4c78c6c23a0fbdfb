// The keys of a service: read from its signer again and again, in the order of their schedule; signs with the one whose turn it is.
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import { type KeyState, type ScheduledKey, type SchedulePolicy, schedule } from './key-schedule.ts';
import { checkedRsa, MAX_KEYS, publicMembers, type Signer, type SignerKey } from './signer.ts';

/** Milliseconds after which the keys are read again. */
export const KEYS_READ_AFTER_MS = 60_000;
/** Milliseconds between tries while the signer does not give its keys. */
const RETRY_MS = 1_000;

/** A key as `service.keys()` tells it; times are milliseconds since 1970. */
export interface IssuerKey {
  readonly kid: string;
  readonly state: KeyState;
  readonly signsFrom: number | null;
  readonly signsUntil: number | null;
  readonly publishedUntil: number | null;
}

/** A public key of the JWK set. */
export interface PublishedKey {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
  readonly kid: string;
  readonly alg: 'RS256';
  readonly use: 'sig';
}

interface RingKey extends SignerKey {
  readonly jwk: PublishedKey;
  readonly verifier: KeyObject;
}

export class KeyRing {
  readonly #signer: Signer;
  readonly #policy: SchedulePolicy;
  readonly #now: () => number;
  #keys: readonly RingKey[] = [];
  /** When keys are to be read next. */
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(signer: Signer, policy: SchedulePolicy, now: () => number) {
    this.#signer = signer;
    this.#policy = policy;
    this.#now = now;
  }

  /** The JWK set of now. @throws GatewayError `ERR_FG_SIGNER_UNAVAILABLE` while no keys were ever had */
  async published(): Promise<readonly PublishedKey[]> {
    return (await this.#scheduled()).map(({ key }) => key.jwk);
  }

  async states(): Promise<readonly IssuerKey[]> {
    return (await this.#scheduled()).map(({ key, state, signsFrom, signsUntil, publishedUntil }) => ({
      kid: key.kid,
      state,
      signsFrom,
      signsUntil,
      publishedUntil,
    }));
  }

  /** The key that signs now. */
  async signing(): Promise<string> {
    const turn = (await this.#scheduled()).find(({ state }) => state === 'signing');
    if (turn === undefined) throw unavailable('has no key that may sign');
    return turn.key.kid;
  }

  /** The signature by `kid`, which has been verified: a signer that mixes its keys up gives out no token. */
  async sign(data: Uint8Array, kid: string): Promise<Uint8Array> {
    const key = this.#keys.find((one) => one.kid === kid);
    if (key === undefined) throw unavailable('has no such key any more');
    let signature: Uint8Array;
    try {
      signature = await this.#signer.sign(data, kid);
    } catch (error) {
      throw unavailable('did not sign', error);
    }
    if (!verify('sha256', data, key.verifier, signature))
      throw unavailable('gave a signature that is none of its key');
    return signature;
  }

  /**
   * Has the signer make a new key, which is published at once.
   * @throws GatewayError `ERR_FG_SIGNER_UNAVAILABLE`; TypeError when the signer makes no keys, or a 17th would be published
   */
  async rotate(): Promise<void> {
    if (this.#signer.rotate === undefined) throw new TypeError('rotateKey: this signer makes no keys');
    const published = (await this.#scheduled()).map(({ key }) => key.kid);
    if (published.length >= MAX_KEYS)
      throw new TypeError(`rotateKey: ${MAX_KEYS} keys are published already`);
    try {
      await this.#signer.rotate(this.#now(), published);
    } catch (error) {
      throw unavailable('did not make a key', error);
    }
    await this.#read();
  }

  async #scheduled(): Promise<ScheduledKey<RingKey>[]> {
    const now = this.#now();
    // Nobody waits for keys that are a little old; a process that was idle for long does, or it would sign with a key of then.
    const late = now - this.#readAt;
    if (this.#keys.length === 0) await this.#read();
    else if (late >= KEYS_READ_AFTER_MS || late < -KEYS_READ_AFTER_MS) await this.#read().catch(() => {});
    else if (late >= 0) void this.#read().catch(() => {});
    return schedule(this.#keys, this.#policy, this.#now());
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    this.#readAt = this.#now() + RETRY_MS;
    try {
      this.#keys = checkedKeys(await this.#signer.keys());
    } catch (error) {
      throw unavailable('did not give its keys', error);
    }
    this.#readAt = this.#now() + KEYS_READ_AFTER_MS;
  }
}

function checkedKeys(keys: readonly SignerKey[]): RingKey[] {
  if (keys.length === 0) throw new TypeError('it has none');
  if (new Set(keys.map(({ kid }) => kid)).size !== keys.length) throw new TypeError('two have one kid');
  return keys.map((key) => {
    if (key.kid === '' || key.kid.length > 256) throw new TypeError('a kid has 1 to 256 characters');
    const members = publicMembers(key.publicKey);
    const verifier = checkedRsa(createPublicKey({ key: members, format: 'jwk' }));
    return { ...key, jwk: { ...members, kid: key.kid, alg: 'RS256', use: 'sig' }, verifier };
  });
}

function unavailable(what: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'ERR_FG_SIGNER_UNAVAILABLE',
    `the signer ${what}`,
    cause === undefined ? {} : { cause },
  );
}
