// Sessions in Redis or Valkey, alone, behind sentinels or as a cluster, for every gateway of a fleet.
import { parseStoreUrl } from '../config/store.ts';
import { GatewayError } from '../errors.ts';
import { openStore, type StoreClient, untilReady } from '../stores/client.ts';
import { createScript, removeAllScript, rotateScript } from './redis-scripts.ts';
import { subjectTag, tagOf } from './refresh-token.ts';
import {
  byLastUse,
  type Rotation,
  type RotationOutcome,
  type StoredSession,
  type TokenStore,
} from './store.ts';

export interface RedisStoreOptions {
  /** What every key begins with; stores that share it share sessions. At most 64 letters, digits, `_.:-`. Default `ferrogate:auth:`. */
  readonly prefix?: string;
  /** Certificates (PEM) of the authorities that may sign for a `rediss` server. Default: those that this machine trusts. */
  readonly ca?: string;
}

type Scripts = 'ferrogateCreate' | 'ferrogateRotate' | 'ferrogateRemoveAll';
/** A client with our scripts, sent by their digest, and whole where the server has forgotten them. */
type ScriptedClient = StoreClient & Record<Scripts, (key: string, ...values: string[]) => Promise<string[]>>;

/**
 * A store in the Redis (6.2 or newer) or Valkey at `where`: a URL `redis://[user:password@]host[:6379][/db]`, `rediss://`,
 * `redis-sentinel://a:26379,b:26379/PRIMARY[/db]` or `redis-cluster://a:6379,b:6379`, or a client of ioredis that the
 * application has, and closes. Redis must keep what it is given: `maxmemory-policy noeviction`, or sessions are lost.
 * @throws TypeError for a URL or prefix that is none
 */
export function redisStore(where: string | StoreClient, options: RedisStoreOptions = {}): TokenStore {
  const { prefix = 'ferrogate:auth:', ca } = options;
  if (!/^[A-Za-z0-9_.:-]{0,64}$/.test(prefix))
    throw new TypeError('redisStore: the prefix is at most 64 letters, digits, "_", ".", ":" and "-"');
  if (typeof where !== 'string') return new RedisStore(where, prefix, false);
  const address = parseStoreUrl(where);
  if (address === undefined)
    throw new TypeError('redisStore: expected a URL such as "redis://127.0.0.1:6379"');
  const client = openStore({ id: 'auth', ...address, caPem: ca ?? null, prefix, timeoutMs: 0 });
  // Each failed operation tells of itself.
  client.on('error', () => {});
  return new RedisStore(client, prefix, true);
}

class RedisStore implements TokenStore {
  readonly #client: ScriptedClient;
  readonly #prefix: string;
  readonly #isOwn: boolean;

  constructor(client: StoreClient, prefix: string, isOwn: boolean) {
    client.defineCommand('ferrogateCreate', { numberOfKeys: 1, lua: createScript });
    client.defineCommand('ferrogateRotate', { numberOfKeys: 1, lua: rotateScript });
    client.defineCommand('ferrogateRemoveAll', { numberOfKeys: 1, lua: removeAllScript });
    this.#client = client as ScriptedClient;
    this.#prefix = prefix;
    this.#isOwn = isOwn;
  }

  async create(session: StoredSession, maxSessions: number, now: number): Promise<readonly string[]> {
    const key = this.#keyOf(session.id);
    const values = [session.id, infoOf(session), stateOf(session), `${now}`, `${maxSessions}`];
    return this.#askTwice(() =>
      this.#client.ferrogateCreate(key, ...values, lifeFrom(now, session.deadline)),
    );
  }

  async find(id: string, now: number): Promise<StoredSession | null> {
    const [info, state] = await this.#ask(() => this.#client.hmget(this.#keyOf(id), `i:${id}`, `t:${id}`));
    const session = read(id, info, state);
    return session !== null && now < session.deadline ? session : null;
  }

  async rotate(rotation: Rotation): Promise<RotationOutcome> {
    const { id, client, presented, next, sealed, now, reuseMs, deadline, ip } = rotation;
    const words = [id, word(client), presented, next, sealed ?? '-', `${now}`, `${reuseMs}`, `${deadline}`];
    const send = (): Promise<string[]> =>
      this.#client.ferrogateRotate(this.#keyOf(id), ...words, word(ip), lifeFrom(now, deadline));
    const [kind, was] = await this.#askTwice(send);
    if (kind === 'again' && was !== undefined) return { kind, sealed: was };
    if (kind === 'rotated' || kind === 'reused' || kind === 'foreign' || kind === 'unknown') return { kind };
    throw unavailable('gave an answer that is none of its script');
  }

  async remove(id: string): Promise<boolean> {
    return (await this.#ask(() => this.#client.hdel(this.#keyOf(id), `i:${id}`, `t:${id}`))) > 0;
  }

  async removeAll(subject: string, except = ''): Promise<readonly string[]> {
    return this.#ask(() => this.#client.ferrogateRemoveAll(this.#keyOf(subjectTag(subject)), except));
  }

  async list(subject: string, now: number): Promise<readonly StoredSession[]> {
    const fields = await this.#ask(() => this.#client.hgetall(this.#keyOf(subjectTag(subject))));
    return Object.keys(fields)
      .filter((name) => name.startsWith('t:'))
      .map((name) => name.slice(2))
      .map((id) => read(id, fields[`i:${id}`], fields[`t:${id}`]))
      .filter((session) => session !== null)
      .filter((session) => session.subject === subject && now < session.deadline)
      .sort(byLastUse);
  }

  async close(): Promise<void> {
    if (this.#isOwn) this.#client.disconnect();
  }

  /** All sessions of a subject are one key, which its tag names: `{}` makes that the hash tag of a cluster. */
  #keyOf(id: string): string {
    return `${this.#prefix}{${tagOf(id)}}`;
  }

  async #ask<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    try {
      await untilReady(this.#client);
      return await command();
    } catch (error) {
      throw unavailable(reasonOf(error));
    }
  }

  /** Asks again where only the answer was lost: for scripts that know what they have done already. */
  async #askTwice<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    let lost: unknown;
    try {
      await untilReady(this.#client);
      return await command();
    } catch (error) {
      lost = error;
    }
    if (!isLost(lost)) throw unavailable(reasonOf(lost));
    await untilReady(this.#client, true);
    return this.#ask(command);
  }
}

/** Whether a command may have been done without an answer. */
function isLost(error: unknown): boolean {
  return error instanceof Error && /timed out|closed|max retries|ECONNRESET|EPIPE/i.test(error.message);
}

/** No cause: an error of ioredis carries the arguments of its command. */
function unavailable(reason: string): GatewayError {
  return new GatewayError('ERR_FG_STORE_UNAVAILABLE', `the store of sessions ${reason}`);
}

/** What happened, in fixed words and the server's own error code. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  if (/timed out/i.test(message)) return 'did not answer in time';
  const code = /^-?([A-Z]{3,16})\b/.exec(message)?.[1];
  return code === undefined ? 'cannot be reached' : `refused: ${code}`;
}

function infoOf({ subject, scope, device, claims, createdAt }: StoredSession): string {
  return JSON.stringify({ subject, scope, device, claims, createdAt });
}

function stateOf({ current, deadline, expiresAt, lastUsedAt, client, ip }: StoredSession): string {
  return [current, deadline, expiresAt, lastUsedAt, word(client), word(ip), '-', 0, '-'].join(' ');
}

type Info = Pick<StoredSession, 'subject' | 'scope' | 'device' | 'claims' | 'createdAt'>;

function read(
  id: string,
  info: string | null | undefined,
  state: string | null | undefined,
): StoredSession | null {
  if (typeof info !== 'string' || typeof state !== 'string') return null;
  const [current = '', deadline, expiresAt, lastUsedAt, client = '', ip = '-'] = state.split(' ');
  return {
    id,
    ...(JSON.parse(info) as Info),
    client: text(client) ?? '',
    ip: text(ip),
    current,
    deadline: Number(deadline),
    expiresAt: Number(expiresAt),
    lastUsedAt: Number(lastUsedAt),
  };
}

/** A word without spaces that is never `-`, which stands for null. */
function word(value: string | null): string {
  return value === null ? '-' : `=${encodeURIComponent(value)}`;
}

function text(value: string): string | null {
  return value === '-' ? null : decodeURIComponent(value.slice(1));
}

/** At least a second: a key that lives no longer than its last session needs no more care. */
function lifeFrom(now: number, deadline: number): string {
  return `${Math.max(1_000, deadline - now)}`;
}
