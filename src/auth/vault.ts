// Signs by the Transit engine of HashiCorp Vault or OpenBao: private keys never leave it. It reads keys, signs and rotates, no more.
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { MAX_KEYS, publicMembers, type Signer, type SignerKey } from './signer.ts';

export interface VaultTransitOptions {
  /** Address of the server, such as `https://vault.example:8200`; `http` on loopback alone. */
  readonly url: string;
  /** Name of the key, of a type `rsa-2048`, `rsa-3072` or `rsa-4096`. */
  readonly key: string;
  /** Where the engine is mounted. Default `transit`. */
  readonly mount?: string;
  /** The token, or a function that is asked for it at each request. */
  readonly token?: string | (() => string | Promise<string>);
  /** A file with the token, read at each request: an agent renews it. */
  readonly tokenFile?: string;
  /** The namespace, where there are some. */
  readonly namespace?: string;
  /** Milliseconds for one request, 100 to 60,000. Default 5,000. */
  readonly timeoutMs?: number;
}

const MAX_ANSWER_BYTES = 1_048_576;

/**
 * A signer with the versions of one Transit key. `rotateKey` makes a new version; versions below `min_decryption_version` are
 * published no more. The policy of the token: `update` on `<mount>/sign/<key>`, `read` on `<mount>/keys/<key>`, and `update` on
 * `<mount>/keys/<key>/rotate` for `rotateKey`.
 * @throws TypeError for options that are wrong
 */
export function vaultTransitSigner(options: VaultTransitOptions): Signer {
  return new VaultSigner(options);
}

class VaultSigner implements Signer {
  readonly #base: string;
  readonly #key: string;
  readonly #token: () => Promise<string>;
  readonly #namespace: string | null;
  readonly #timeoutMs: number;
  /** Version of the key of each kid. */
  #versions = new Map<string, number>();

  constructor(options: VaultTransitOptions) {
    const { url, key, mount = 'transit', namespace = null, timeoutMs = 5_000 } = options;
    const path = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/;
    if (
      !path.test(mount) ||
      !/^[A-Za-z0-9_.-]{1,128}$/.test(key) ||
      /(?:^|\/)\.\.?(?:\/|$)/.test(`${mount}/${key}`)
    )
      throw new TypeError('vaultTransitSigner: mount and key are names of letters, digits, "_", "." and "-"');
    if (!(timeoutMs >= 100 && timeoutMs <= 60_000))
      throw new TypeError('vaultTransitSigner: timeoutMs is a number from 100 to 60000');
    this.#base = `${checkedAddress(url)}/v1/${mount}`;
    this.#key = key;
    this.#token = tokenOf(options);
    this.#namespace = namespace;
    this.#timeoutMs = timeoutMs;
  }

  async keys(): Promise<readonly SignerKey[]> {
    const data = await this.#ask('GET', `keys/${this.#key}`);
    const oldest = numberIn(data['min_decryption_version']) ?? 1;
    const versions = Object.entries(objectIn(data['keys']))
      .map(([version, held]) => ({ version: Number(version), ...objectIn(held) }) as Record<string, unknown>)
      .filter(({ version }) => Number.isInteger(version) && Number(version) >= oldest)
      .sort((one, other) => Number(other['version']) - Number(one['version']))
      .slice(0, MAX_KEYS);
    const read = await Promise.all(versions.map(readVersion));
    this.#versions = new Map(read.map(({ kid, version }) => [kid, version]));
    return read.map(({ kid, publicKey, createdAt }) => ({ kid, publicKey, createdAt }));
  }

  async sign(data: Uint8Array, kid: string): Promise<Uint8Array> {
    const version = this.#versions.get(kid);
    if (version === undefined) throw new Error('the Transit key has no such version any more');
    const answer = await this.#ask('POST', `sign/${this.#key}`, {
      input: Buffer.from(data).toString('base64'),
      hash_algorithm: 'sha2-256',
      signature_algorithm: 'pkcs1v15',
      key_version: version,
    });
    const text = answer['signature'];
    const found = typeof text === 'string' ? /^vault:v(\d+):([A-Za-z0-9+/]+={0,2})$/.exec(text) : null;
    if (found === null || Number(found[1]) !== version)
      throw new Error('the Transit engine answered no signature of this version');
    return Buffer.from(found[2] ?? '', 'base64');
  }

  async rotate(): Promise<void> {
    await this.#ask('POST', `keys/${this.#key}/rotate`, {});
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#base}/${path}`, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(this.#timeoutMs),
      headers: {
        'x-vault-request': 'true',
        'x-vault-token': await this.#token(),
        ...(this.#namespace === null ? {} : { 'x-vault-namespace': this.#namespace }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await readBounded(response);
    // The answer to a refusal is not told: it may quote the request.
    if (!response.ok) throw new Error(`the Transit engine answered ${response.status}`);
    return text === '' ? {} : objectIn(objectIn(JSON.parse(text))['data']);
  }
}

async function readVersion(held: Record<string, unknown>): Promise<SignerKey & { version: number }> {
  const { version, public_key: pem, creation_time: created } = held;
  if (typeof pem !== 'string') throw new Error('the Transit key is no RSA key');
  const publicKey = publicMembers(createPublicKey(pem).export({ format: 'jwk' }) as JWK);
  const createdAt = typeof created === 'string' ? Date.parse(created) : Number.NaN;
  if (Number.isNaN(createdAt)) throw new Error('the Transit key does not say when it was made');
  return { kid: await calculateJwkThumbprint(publicKey), publicKey, createdAt, version: Number(version) };
}

function checkedAddress(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isLocal = parsed !== null && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  if (parsed === null || !(parsed.protocol === 'https:' || (parsed.protocol === 'http:' && isLocal)))
    throw new TypeError('vaultTransitSigner: expected an https URL, or http on loopback');
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
}

function tokenOf({ token, tokenFile }: VaultTransitOptions): () => Promise<string> {
  if ((token === undefined) === (tokenFile === undefined))
    throw new TypeError('vaultTransitSigner: expected either token or tokenFile');
  if (tokenFile !== undefined) return async () => (await readFile(tokenFile, 'utf8')).trim();
  return async () => (typeof token === 'function' ? token() : (token ?? ''));
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (size > MAX_ANSWER_BYTES) throw new Error('the answer of the Transit engine is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function objectIn(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new Error('the answer of the Transit engine is malformed');
  return value as Record<string, unknown>;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
