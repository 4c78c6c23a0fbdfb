// One issuer's deny-list as a fleet shares it: kept equal to the store by its messages, and by asking whether one was missed.
import { setImmediate, setTimeout as wait } from 'node:timers/promises';
import type { DenyListSettings } from '../config/deny-list.ts';
import { GatewayError } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import { type DeniedBy, type DenyEntry, fieldOf, fullError, isEqual, later, nameOf } from './entry.ts';
import { type DenyMessage, type DenyStore, isOlder, type ListState } from './store.ts';

/** A change as the data plane takes it. */
export interface DenyChange {
  readonly remove?: readonly (readonly [by: DeniedBy, value: string])[];
  readonly add?: readonly (readonly [by: DeniedBy, value: string, until: number, issuedBefore: number])[];
  /** True: the list is complete now; false: it is not known to be. */
  readonly synced?: boolean;
}

/** Where entries are enforced; returns how many did not fit. */
export type PutDenied = (change: DenyChange) => { readonly refused: number };

export interface SharedOptions {
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A command was not answered in time. */
  readonly unanswered: () => void;
}

/** Entries handed to the data plane at once; others have their turn between. */
const chunkSize = 1000;
/** How long a message may be behind an answer of the store. */
const messageDelayMs = 50;
/** Entries that ended so long ago are looked for that often. */
const forgetMs = 60_000;
/** An incomplete list is read again that often. */
const rereadMs = 10_000;

export class SharedList {
  readonly #settings: DenyListSettings;
  readonly #store: DenyStore;
  readonly #put: PutDenied;
  readonly #options: SharedOptions;
  /** What the data plane holds, by field. */
  #known = new Map<string, DenyEntry>();
  /** The state of the store to which `#known` belongs; null before the first time. */
  #at: ListState | null = null;
  #loadedAt = 0;
  #forgotAt = 0;
  /** Messages that came while the list is read. */
  #later: DenyMessage[] | null = null;
  /** Changes of our own while the list is read. */
  #own: ((found: Map<string, DenyEntry>) => void)[] = [];
  #checking: Promise<void> | null = null;
  #isAskedAgain = false;
  #isClosed = false;
  #isComplete = true;
  #isAway = false;
  syncedAt: number | null = null;

  /** `before`: the list that was kept for these tokens until now, whose entries the data plane still holds. */
  constructor(
    settings: DenyListSettings,
    store: DenyStore,
    put: PutDenied,
    options: SharedOptions,
    before?: SharedList,
  ) {
    this.#known = new Map(before === undefined ? [] : before.#known);
    this.#settings = settings;
    this.#store = store;
    this.#put = put;
    this.#options = options;
  }

  /** Compares with the store, and reads the list where a change was missed. Never rejects. */
  check(): Promise<void> {
    if (this.#checking !== null) {
      this.#isAskedAgain = true;
      return this.#checking;
    }
    this.#checking = this.#checkOnce().finally(() => {
      this.#checking = null;
      if (!this.#isAskedAgain || this.#isClosed) return;
      this.#isAskedAgain = false;
      void this.check();
    });
    return this.#checking;
  }

  hear(message: DenyMessage): void {
    if (this.#isClosed) return;
    if (this.#later !== null) {
      this.#later.push(message);
      return;
    }
    this.#apply(message);
  }

  /** @throws GatewayError `ERR_FG_DENY_LIST_FULL`, `ERR_FG_DENY_LIST_UNAVAILABLE` */
  async add(entry: DenyEntry): Promise<void> {
    const { issuer, maxEntries } = this.#settings;
    const fits = await this.#store.add([entry], maxEntries).catch((error: unknown) => this.#refuse(error));
    if (!fits) throw fullError(issuer, maxEntries);
    this.#note((found) => found.set(fieldOf(entry), later(entry, found.get(fieldOf(entry)))));
    this.#push([], [entry]);
  }

  /** @throws GatewayError `ERR_FG_DENY_LIST_UNAVAILABLE` */
  async remove(field: string): Promise<void> {
    await this.#store.remove([field]).catch((error: unknown) => this.#refuse(error));
    this.#note((found) => found.delete(field));
    this.#push([field], []);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Our own change is in force here at once, whatever is being read. */
  #note(change: (found: Map<string, DenyEntry>) => void): void {
    change(this.#known);
    if (this.#later !== null) this.#own.push(change);
  }

  #refuse(error: unknown): never {
    throw new GatewayError(
      'ERR_FG_DENY_LIST_UNAVAILABLE',
      `the deny-list of issuer "${this.#settings.issuer}" cannot be written`,
      { cause: error },
    );
  }

  async #checkOnce(): Promise<void> {
    try {
      if (await this.#isBehind()) await this.#load();
      if (this.#isClosed) return;
      this.#forgetOld();
      this.#put({ synced: this.#isComplete });
      if (this.#isComplete) this.syncedAt = this.#options.now();
      if (this.#isAway)
        this.#options.logger.info({ issuer: this.#settings.issuer }, 'a deny-list is known again');
      this.#isAway = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Entries that have ended; the data plane drops them by itself. */
  #forgetOld(): void {
    const now = this.#options.now();
    if (now - this.#forgotAt < forgetMs) return;
    this.#forgotAt = now;
    for (const [field, { until }] of this.#known)
      if (until * 1000 + forgetMs < now) this.#known.delete(field);
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const reason = error instanceof Error ? error.message : 'unknown';
    if (reason === 'Command timed out') this.#options.unanswered();
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.logger.warn(
      { issuer: this.#settings.issuer, reason },
      'a deny-list cannot be compared with its store',
    );
  }

  async #isBehind(): Promise<boolean> {
    const before = this.#at;
    const state = await this.#store.state();
    if (before === null || isOlder(state, before)) return true;
    if (!this.#isComplete && this.#options.now() - this.#loadedAt >= rereadMs) return true;
    if (this.#covers(state)) return false;
    // Its message may be on its way.
    await wait(messageDelayMs, undefined, { ref: false });
    return !this.#covers(state);
  }

  #covers({ epoch, version }: ListState): boolean {
    return this.#at !== null && this.#at.epoch === epoch && this.#at.version >= version;
  }

  /** Reads the whole list; a store that lost entries which are known here gets them back. */
  async #load(): Promise<void> {
    this.#later = [];
    this.#own = [];
    try {
      const before = this.#at;
      const state = await this.#store.state();
      const found = await this.#read();
      if (before !== null && isOlder(state, before)) await this.#restore(found);
      for (const change of this.#own) change(found);
      const gone = [...this.#known.keys()].filter((field) => !found.has(field));
      // What did not fit is tried again.
      const known = this.#isComplete ? this.#known : new Map<string, DenyEntry>();
      this.#known = found;
      this.#isComplete = true;
      this.#loadedAt = this.#options.now();
      await this.#pushDifference(gone, known, found);
      this.#at = state;
    } finally {
      const heard = this.#later;
      this.#later = null;
      for (const message of heard) this.#apply(message);
    }
  }

  async #read(): Promise<Map<string, DenyEntry>> {
    const found = new Map<string, DenyEntry>();
    const now = this.#options.now() / 1000;
    for await (const page of this.#store.entries())
      for (const entry of page) if (entry.until > now) found.set(fieldOf(entry), entry);
    return found;
  }

  async #restore(found: Map<string, DenyEntry>): Promise<void> {
    const now = this.#options.now() / 1000;
    const lost = [...this.#known].filter(([field, entry]) => entry.until > now && !found.has(field));
    const { issuer, maxEntries } = this.#settings;
    for (let at = 0; at < lost.length; at += chunkSize) {
      const chunk = lost.slice(at, at + chunkSize);
      if (
        !(await this.#store.add(
          chunk.map(([, entry]) => entry),
          maxEntries,
        ))
      )
        throw fullError(issuer, maxEntries);
      for (const [field, entry] of chunk) found.set(field, entry);
    }
    if (lost.length > 0)
      this.#options.logger.warn(
        { issuer, entries: lost.length },
        'a store lost a deny-list, and got it back',
      );
  }

  #apply(message: DenyMessage): void {
    const { epoch, version } = this.#at ?? { epoch: '', version: -1 };
    const isNext =
      version === 0 ? message.version === 1 : epoch === message.epoch && message.version === version + 1;
    if (epoch === message.epoch && message.version <= version) return;
    if (isNext) this.#at = { epoch: message.epoch, version: message.version };
    // Out of its turn: what it adds holds all the same, what it removes waits until the list is read.
    const remove = isNext ? message.remove : [];
    for (const field of remove) this.#known.delete(field);
    for (const entry of message.add) {
      const field = fieldOf(entry);
      this.#known.set(field, later(entry, this.#known.get(field)));
    }
    this.#push(remove, message.add);
    if (!isNext) void this.check();
  }

  /** An entry that changed is taken out and put in at once, since one that is there is only ever extended. */
  async #pushDifference(
    gone: readonly string[],
    known: ReadonlyMap<string, DenyEntry>,
    found: ReadonlyMap<string, DenyEntry>,
  ): Promise<void> {
    const fresh = [...found].filter(([field, entry]) => !isEqual(entry, known.get(field)));
    for (let at = 0; at < gone.length; at += chunkSize) {
      this.#push(gone.slice(at, at + chunkSize), []);
      await setImmediate();
    }
    for (let at = 0; at < fresh.length; at += chunkSize) {
      const chunk = fresh.slice(at, at + chunkSize);
      const changed = chunk.flatMap(([field]) => (known.has(field) ? [field] : []));
      this.#push(
        changed,
        chunk.map(([, entry]) => entry),
      );
      await setImmediate();
    }
  }

  #push(remove: readonly string[], add: readonly DenyEntry[]): void {
    if (this.#isClosed) return;
    const { refused } = this.#put({
      remove: remove.flatMap((field) => {
        const name = nameOf(field);
        return name === undefined ? [] : [[name.by, name.value] as const];
      }),
      add: add.map((entry) => [entry.by, entry.value, entry.until, entry.issuedBefore] as const),
    });
    if (refused === 0) return;
    if (this.#isComplete)
      this.#options.logger.error(
        { issuer: this.#settings.issuer, refused },
        'a deny-list has more entries than "maxEntries": it is not known which tokens are denied',
      );
    this.#isComplete = false;
    this.#put({ synced: false });
  }
}
