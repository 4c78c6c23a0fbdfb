// Sessions of one process, in memory: bounded, gone with the process, and by the same rules as in Redis.
import { GatewayError } from '../errors.ts';
import { subjectTag, tagOf } from './refresh-token.ts';
import {
  byLastUse,
  type Rotation,
  type RotationOutcome,
  type StoredSession,
  type TokenStore,
} from './store.ts';

/** Sessions of all subjects unless `maxSessions` says otherwise. */
const DEFAULT_SESSIONS = 100_000;
/** Sessions that each operation looks at for whether they are over. */
const SWEPT = 4;
/** Milliseconds between two looks at all sessions of a full store. */
const FULL_SWEEP_MS = 1_000;

export interface MemoryStoreOptions {
  /** Sessions of all subjects together, 1 to 10,000,000; at the bound logins are refused with 503. Default 100,000. */
  readonly maxSessions?: number;
}

interface Entry {
  session: StoredSession;
  /** Hash of the token spent last. */
  previous: string | null;
  rotatedAt: number;
  sealed: string | null;
}

/**
 * A store in the memory of this process. Sessions end with it, and other processes and worker threads do not see them:
 * for tests, for development, and for services of one process whose users may log in again after a restart.
 */
export function memoryStore(options: MemoryStoreOptions = {}): TokenStore {
  const { maxSessions = DEFAULT_SESSIONS } = options;
  if (!Number.isInteger(maxSessions) || maxSessions < 1 || maxSessions > 10_000_000)
    throw new TypeError('memoryStore: maxSessions is an integer from 1 to 10000000');
  return new MemoryStore(maxSessions);
}

class MemoryStore implements TokenStore {
  readonly #max: number;
  readonly #entries = new Map<string, Entry>();
  /** Ids of the sessions of each subject, by its tag. */
  readonly #ofSubject = new Map<string, Set<string>>();
  #sweeper = this.#entries.values();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(max: number) {
    this.#max = max;
  }

  async create(session: StoredSession, maxSessions: number, now: number): Promise<readonly string[]> {
    this.#sweep(now);
    if (this.#entries.has(session.id)) return [];
    const kept = this.#live(tagOf(session.id), now);
    const left = kept.slice(Math.max(0, maxSessions - 1)).map(({ id }) => id);
    if (left.length === 0) this.#makeRoom(now);
    for (const id of left) this.#drop(id);
    this.#entries.set(session.id, { session, previous: null, rotatedAt: 0, sealed: null });
    const tag = tagOf(session.id);
    this.#ofSubject.set(tag, (this.#ofSubject.get(tag) ?? new Set()).add(session.id));
    return left;
  }

  async find(id: string, now: number): Promise<StoredSession | null> {
    return this.#entry(id, now)?.session ?? null;
  }

  async rotate(rotation: Rotation): Promise<RotationOutcome> {
    const { id, now, presented, next } = rotation;
    this.#sweep(now);
    const entry = this.#entry(id, now);
    if (entry === undefined) return { kind: 'unknown' };
    const { session } = entry;
    if (session.client !== rotation.client) return { kind: 'foreign' };
    if (session.current === next) return { kind: 'rotated' };
    if (session.current !== presented) {
      const { sealed } = entry;
      if (entry.previous === presented && sealed !== null && now < entry.rotatedAt + rotation.reuseMs)
        return { kind: 'again', sealed };
      this.#drop(id);
      return { kind: 'reused' };
    }
    const deadline = Math.min(session.expiresAt, rotation.deadline);
    const ip = rotation.ip ?? session.ip;
    entry.session = { ...session, current: next, deadline, lastUsedAt: now, ip };
    entry.previous = presented;
    entry.rotatedAt = now;
    entry.sealed = rotation.sealed;
    return { kind: 'rotated' };
  }

  async remove(id: string): Promise<boolean> {
    return this.#drop(id);
  }

  async removeAll(subject: string, except?: string): Promise<readonly string[]> {
    const ids = [...(this.#ofSubject.get(subjectTag(subject)) ?? [])].filter((id) => id !== except);
    return ids.filter((id) => this.#drop(id));
  }

  async list(subject: string, now: number): Promise<readonly StoredSession[]> {
    return this.#live(subjectTag(subject), now);
  }

  async close(): Promise<void> {
    this.#entries.clear();
    this.#ofSubject.clear();
  }

  #entry(id: string, now: number): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || now < entry.session.deadline) return entry;
    this.#drop(id);
    return undefined;
  }

  #live(tag: string, now: number): StoredSession[] {
    const ids = [...(this.#ofSubject.get(tag) ?? [])];
    return ids
      .map((id) => this.#entry(id, now)?.session)
      .filter((session) => session !== undefined)
      .sort(byLastUse);
  }

  #drop(id: string): boolean {
    if (!this.#entries.delete(id)) return false;
    const ids = this.#ofSubject.get(tagOf(id));
    ids?.delete(id);
    if (ids?.size === 0) this.#ofSubject.delete(tagOf(id));
    return true;
  }

  /** A few entries at each operation, all of them in turn: what is over leaves without a timer. */
  #sweep(now: number): void {
    for (let looked = 0; looked < SWEPT; looked += 1) {
      const { value, done } = this.#sweeper.next();
      if (done === true) {
        this.#sweeper = this.#entries.values();
        return;
      }
      if (now >= value.session.deadline) this.#drop(value.session.id);
    }
  }

  #makeRoom(now: number): void {
    if (this.#entries.size < this.#max) return;
    if (Math.abs(now - this.#sweptAt) >= FULL_SWEEP_MS) {
      this.#sweptAt = now;
      for (const { session } of this.#entries.values()) if (now >= session.deadline) this.#drop(session.id);
    }
    if (this.#entries.size >= this.#max)
      throw new GatewayError('ERR_FG_STORE_UNAVAILABLE', 'the store of sessions is full');
  }
}
