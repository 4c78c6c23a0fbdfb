// The keys of one issuer over time: loaded, refreshed before they age out, kept for a while when the source fails; it verifies nothing.
import type { KeySource } from '../config/key-set.ts';
import type { Logger } from '../observe/logger.ts';
import { KeyFailure, toFailure } from './failure.ts';
import type { Environment, KeyLoader, LoadedKeys } from './loader.ts';
import { createKeyLoader, type SetAtHand } from './loaders.ts';
import { refreshAfter, retryAfter } from './schedule.ts';
import { createTally, type KeySink, type KeySourceState, type Tally } from './tally.ts';

export interface KeySourceOptions {
  readonly logger: Logger;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly env: Environment;
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
  const loader = createKeyLoader(from, options.env, options.now);
  return 'read' in loader
    ? sourceAtHand(from.id, loader, sink, tally)
    : new LoadedSource(loader, from, tally, options.now);
}

function sourceAtHand(id: string, at: SetAtHand, sink: KeySink, tally: Tally): RunningKeySource {
  return {
    isInline: true,
    start() {
      try {
        tally.load(at.read());
      } catch (error) {
        tally.fail(toFailure(error, 'malformed'));
      }
    },
    wanted: () => sink.keysFailed(id),
    state: () => tally.state(),
    close() {},
  };
}

type Bounds = Pick<KeySource, 'refreshIntervalMs' | 'fetchTimeoutMs' | 'maxStaleMs'>;

class LoadedSource implements RunningKeySource {
  readonly isInline = false;
  readonly #loader: KeyLoader;
  readonly #bounds: Bounds;
  readonly #tally: Tally;
  readonly #now: () => number;
  /** From when the age of the keys in force counts: those of a source before this one are as old as this one. */
  #goodAt: number;
  #timer: NodeJS.Timeout | undefined;
  #loading: AbortController | undefined;
  #isClosed = false;

  constructor(loader: KeyLoader, bounds: Bounds, tally: Tally, now: () => number) {
    this.#loader = loader;
    this.#bounds = bounds;
    this.#tally = tally;
    this.#now = now;
    this.#goodAt = now();
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
    this.#loading?.abort();
  }

  async #refresh(): Promise<void> {
    if (this.#loading !== undefined || this.#isClosed) return;
    this.#loading = new AbortController();
    clearTimeout(this.#timer);
    // What fails behind its own catch must neither be thrown at the timer nor end the refreshing.
    const delay = await this.#fetch(this.#loading).catch(() => retryAfter(1, Math.random()));
    this.#loading = undefined;
    if (this.#isClosed) return;
    this.#tally.next(delay);
    this.#timer = setTimeout(() => void this.#refresh(), delay).unref();
  }

  /** Milliseconds until the next fetch. */
  async #fetch(loading: AbortController): Promise<number> {
    const { refreshIntervalMs, fetchTimeoutMs, maxStaleMs } = this.#bounds;
    try {
      const { json, freshMs = refreshIntervalMs } = await loadWithin(this.#loader, fetchTimeoutMs, loading);
      if (this.#isClosed) return 0;
      this.#tally.load(json);
      this.#goodAt = this.#now();
      return refreshAfter(Math.min(freshMs, maxStaleMs ?? freshMs), Math.random());
    } catch (error) {
      return this.#isClosed ? 0 : this.#failed(toFailure(error, 'malformed'));
    }
  }

  #failed(failure: KeyFailure): number {
    const { maxStaleMs } = this.#bounds;
    const retryMs = retryAfter(this.#tally.state().failedInARow + 1, Math.random());
    const left = maxStaleMs === null ? Number.POSITIVE_INFINITY : this.#goodAt + maxStaleMs - this.#now();
    // The last try before the keys are too old comes when they are.
    const delay = left > 0 ? Math.min(retryMs, Math.ceil(left)) : retryMs;
    this.#tally.fail(failure, delay);
    if (left <= 0) this.#tally.expire();
    return delay;
  }
}

/** Ends with the answer, the failure, or the time, whichever comes first: a loader may not heed its signal. */
function loadWithin(loader: KeyLoader, timeoutMs: number, loading: AbortController): Promise<LoadedKeys> {
  const timeout = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const end = (reason: KeyFailure): void => {
      reject(reason);
      loading.abort(reason);
    };
    timeout.addEventListener('abort', () =>
      end(new KeyFailure('timeout', `nothing whole came within ${timeoutMs} ms`)),
    );
    loading.signal.addEventListener('abort', () =>
      reject(new KeyFailure('timeout', 'the source was closed')),
    );
    loader.load(loading.signal).then(resolve, reject);
  });
}
