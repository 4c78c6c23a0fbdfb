// The keys of one issuer over time: fetched, refreshed before they age out, kept when the source fails; it verifies nothing.
import type { KeySource } from '../config/issuer.ts';
import type { Logger } from '../observe/logger.ts';
import { createKeySetReader, type KeySetReader } from './reader.ts';
import { refreshAfter, retryAfter } from './schedule.ts';

/** Where keys go: the data plane, which keeps the last good ones. */
export interface KeySink {
  /** Throws when `json` is no key set; then the keys in force stay. */
  putKeys(issuerId: string, json: string): { usable: number; ignored: readonly string[] };
  /** Nothing new can be had now: requests that wait are decided with the keys there are. Unknown ids are ignored. */
  keysFailed(issuerId: string): void;
}

export interface KeySourceOptions {
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** For a whole fetch; default 5 s. */
  readonly timeoutMs?: number;
}

/** What a source has done so far. */
export interface KeySourceState {
  readonly loaded: number;
  readonly failed: number;
  /** When the last good set came, or null before the first. */
  readonly loadedAt: number | null;
}

export interface RunningKeySource {
  /** Nothing is fetched for it. */
  readonly isInline: boolean;
  /** Gets the first set; an inline one is there at once. */
  start(): void;
  /** A token named a key that is not known: fetches now, unless a fetch is under way already. */
  wanted(): void;
  state(): KeySourceState;
  /** Stops; nothing reaches the sink any more. */
  close(): void;
}

/** The source that `from` describes; `onLoaded` is called after each good set. */
export function createKeySource(
  from: KeySource,
  sink: KeySink,
  options: KeySourceOptions,
  onLoaded: () => void,
): RunningKeySource {
  const tally = createTally(from.id, sink, options, onLoaded);
  if ('keys' in from.jwks)
    return inlineSource(from.id, JSON.stringify({ keys: from.jwks.keys }), sink, tally);
  return new RemoteSource(createKeySetReader(from.jwks.url, options.timeoutMs), tally);
}

interface Tally {
  /** Hands a set over; throws when it holds no usable key. */
  load(json: string): void;
  fail(error: unknown, retryMs?: number): void;
  state(): KeySourceState;
}

function createTally(
  id: string,
  sink: KeySink,
  { logger, now }: KeySourceOptions,
  onLoaded: () => void,
): Tally {
  const state = { loaded: 0, failed: 0, loadedAt: null as number | null };
  let told = '';
  return {
    load(json) {
      const { usable, ignored } = sink.putKeys(id, json);
      if (ignored.length > 0 && ignored.join() !== told)
        logger.warn({ issuer: id, ignored }, 'keys of an issuer are ignored');
      told = ignored.join();
      if (usable === 0) throw new Error('the key set holds no usable key');
      state.loaded += 1;
      state.loadedAt = now();
      onLoaded();
    },
    fail(error, retryMs) {
      state.failed += 1;
      sink.keysFailed(id);
      const retry = retryMs === undefined ? {} : { retryMs };
      logger.warn(
        { issuer: id, reason: reasonOf(error), ...retry },
        'the key set of an issuer cannot be had',
      );
    },
    state: () => ({ ...state }),
  };
}

function inlineSource(id: string, json: string, sink: KeySink, tally: Tally): RunningKeySource {
  return {
    isInline: true,
    start() {
      try {
        tally.load(json);
      } catch (error) {
        tally.fail(error);
      }
    },
    wanted: () => sink.keysFailed(id),
    state: tally.state,
    close() {},
  };
}

class RemoteSource implements RunningKeySource {
  readonly isInline = false;
  readonly #reader: KeySetReader;
  readonly #tally: Tally;
  #timer: NodeJS.Timeout | undefined;
  #isFetching = false;
  #isClosed = false;
  #failures = 0;

  constructor(reader: KeySetReader, tally: Tally) {
    this.#reader = reader;
    this.#tally = tally;
  }

  start(): void {
    void this.#refresh();
  }

  wanted(): void {
    void this.#refresh();
  }

  state(): KeySourceState {
    return this.#tally.state();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#reader.close();
  }

  async #refresh(): Promise<void> {
    if (this.#isFetching || this.#isClosed) return;
    this.#isFetching = true;
    clearTimeout(this.#timer);
    // What fails behind its own catch must neither be thrown at the timer nor end the refreshing.
    const delay = await this.#fetch().catch(() => retryAfter(1, Math.random()));
    this.#isFetching = false;
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#refresh(), delay).unref();
  }

  /** Milliseconds until the next fetch. */
  async #fetch(): Promise<number> {
    try {
      const { json, freshMs } = await this.#reader.read();
      if (this.#isClosed) return 0;
      this.#tally.load(json);
      this.#failures = 0;
      return refreshAfter(freshMs, Math.random());
    } catch (error) {
      if (this.#isClosed) return 0;
      this.#failures += 1;
      const retryMs = retryAfter(this.#failures, Math.random());
      this.#tally.fail(error, retryMs);
      return retryMs;
    }
  }
}

/** Why a fetch failed, without its URL: that may carry a secret in its query. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // fetch says only "fetch failed"; what failed is its cause. jose's own messages are better than theirs.
  const { cause } = error;
  if (!(error instanceof TypeError && cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
