// Reads from Vault or OpenBao over HTTP with a token that it logs in for and renews; neither token nor secret id leaves it.
import { readFile } from 'node:fs/promises';
import type { VaultAuth, VaultSource } from '../config/vault.ts';
import { KeyFailure, statusFailure } from './failure.ts';
import { exchange, jsonObject } from './http.ts';

type Members = Readonly<Record<string, unknown>>;

export interface VaultClient {
  /** The `data` of what is at `path`, below `/v1/`. */
  read(path: string, signal: AbortSignal): Promise<Members>;
  /** In how many milliseconds to read again so that a token that cannot be had anew is renewed in time. */
  renewWithinMs(): number | undefined;
}

/** A token and what is known of its lease. */
interface Lease {
  readonly token: string;
  /** Milliseconds, or null: it does not end, or nobody says. */
  readonly ms: number | null;
  readonly renewable: boolean;
  readonly since: number;
}

const server = 'vault';
/** A token is renewed in the second half of its lease. */
const renewAt = 1 / 2;
/** Where the next read is due at the latest: refreshes come at 80 to 90 % of this, which is in the second half. */
const readAgainAt = 3 / 4;
/** Longest token of a service account that is read, in bytes. */
const maxAccountToken = 16_384;

export function createVaultClient(from: VaultSource, now: () => number): VaultClient {
  return new Client(from, now);
}

class Client implements VaultClient {
  readonly #from: VaultSource;
  readonly #now: () => number;
  #lease: Lease | undefined;

  constructor(from: VaultSource, now: () => number) {
    this.#from = from;
    this.#now = now;
  }

  async read(path: string, signal: AbortSignal): Promise<Members> {
    const wasHeld = this.#lease !== undefined;
    const answer = await this.#call(path, await this.#token(signal), signal);
    // The token was revoked before its time: one that a login gives is had anew, once.
    if (answer.status === 403 && wasHeld && !('token' in this.#from.auth)) {
      this.#lease = undefined;
      return dataOf(await this.#call(path, await this.#token(signal), signal));
    }
    if (answer.status === 403) this.#lease = undefined;
    return dataOf(answer);
  }

  renewWithinMs(): number | undefined {
    const lease = this.#lease;
    if (lease === undefined || lease.ms === null || !lease.renewable) return undefined;
    if (!('token' in this.#from.auth)) return undefined;
    return Math.max(1_000, lease.since + lease.ms * readAgainAt - this.#now());
  }

  async #token(signal: AbortSignal): Promise<string> {
    const { auth } = this.#from;
    this.#lease ??=
      'token' in auth ? await this.#lookUp(auth.token, signal) : await this.#logIn(auth, signal);
    const { ms, since, renewable } = this.#lease;
    const age = this.#now() - since;
    if (ms !== null && age >= ms * renewAt) {
      const renewed = renewable && age < ms ? await this.#renew(this.#lease, signal) : undefined;
      if (renewed !== undefined) this.#lease = renewed;
      else if (!('token' in auth)) this.#lease = await this.#logIn(auth, signal);
    }
    return this.#lease.token;
  }

  /** `GET /auth/token/lookup-self`. A token that may not even look at itself is used as it is. */
  async #lookUp(token: string, signal: AbortSignal): Promise<Lease> {
    const answer = await this.#call('auth/token/lookup-self', token, signal);
    const data = answer.status === 403 ? {} : dataOf(answer);
    const { ttl } = data;
    const ms = typeof ttl === 'number' && ttl > 0 ? ttl * 1000 : null;
    return { token, ms, renewable: data['renewable'] === true, since: this.#now() };
  }

  /** `POST /auth/:mount/login`. */
  async #logIn(auth: Exclude<VaultAuth, { readonly token: string }>, signal: AbortSignal): Promise<Lease> {
    const { mount, body } = await loginOf(auth, signal);
    const answer = await this.#call(`auth/${mount}/login`, undefined, signal, body);
    // A login that is refused is 400 ("invalid role or secret ID") or 403.
    if (answer.status === 400 || answer.status === 403)
      throw new KeyFailure('denied', `${server} answered ${answer.status} to the login`);
    if (answer.status !== 200) throw statusFailure(server, answer.status);
    return this.#leaseOf(answer.body, undefined);
  }

  /** `POST /auth/token/renew-self`; undefined: it is not to be renewed any more. */
  async #renew(lease: Lease, signal: AbortSignal): Promise<Lease | undefined> {
    const answer = await this.#call('auth/token/renew-self', lease.token, signal, {});
    if (answer.status === 400 || answer.status === 403 || answer.status === 404) return undefined;
    if (answer.status !== 200) throw statusFailure(server, answer.status);
    const renewed = this.#leaseOf(answer.body, lease.token);
    // Near its longest life a token gets less and less: another one is better.
    const isShort = renewed.ms !== null && lease.ms !== null && renewed.ms < lease.ms / 2;
    return isShort && !('token' in this.#from.auth) ? undefined : renewed;
  }

  #leaseOf(body: string, token: string | undefined): Lease {
    const auth = jsonObject(server, body)['auth'] as Members | null | undefined;
    const given = token ?? auth?.['client_token'];
    if (typeof given !== 'string' || given === '')
      throw new KeyFailure('malformed', `${server} answered to the login without a token`);
    const seconds = auth?.['lease_duration'];
    const ms = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null;
    return { token: given, ms, renewable: auth?.['renewable'] === true, since: this.#now() };
  }

  #call(path: string, token: string | undefined, signal: AbortSignal, body?: object): Promise<Answer> {
    const { address, namespace, ca } = this.#from;
    return exchange({
      server,
      url: new URL(`${address}/v1/${path.split('/').map(encodeURIComponent).join('/')}`),
      headers: {
        // Proxies of Vault may ask for it, against forged requests of browsers.
        'X-Vault-Request': 'true',
        ...(token === undefined ? {} : { 'X-Vault-Token': token }),
        ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ca,
      signal,
    });
  }
}

type Answer = Awaited<ReturnType<typeof exchange>>;

function dataOf({ status, body }: Answer): Members {
  if (status === 503) throw new KeyFailure('unavailable', `${server} is sealed or down for maintenance`);
  if (status !== 200) throw statusFailure(server, status);
  const { data } = jsonObject(server, body);
  if (data === null || typeof data !== 'object')
    throw new KeyFailure('malformed', `${server} answered without data`);
  return data as Members;
}

async function loginOf(
  auth: Exclude<VaultAuth, { readonly token: string }>,
  signal: AbortSignal,
): Promise<{ mount: string; body: object }> {
  if ('appRole' in auth) {
    const { mount, roleId, secretId } = auth.appRole;
    return { mount, body: { role_id: roleId, ...(secretId === undefined ? {} : { secret_id: secretId }) } };
  }
  const { mount, role, tokenFile } = auth.kubernetes;
  return { mount, body: { role, jwt: await accountToken(tokenFile, signal) } };
}

/** Read anew at each login: Kubernetes exchanges it about every hour. */
async function accountToken(file: string, signal: AbortSignal): Promise<string> {
  const text = await readFile(file, { encoding: 'utf8', signal }).catch(() => '');
  const token = text.trim();
  if (token === '' || token.length > maxAccountToken)
    throw new KeyFailure('missing', 'the token of the service account cannot be read');
  return token;
}
