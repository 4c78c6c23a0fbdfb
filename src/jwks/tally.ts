// What a source of keys has done and what the data plane was told of it: the one place where keys are handed over.
import type { Logger } from '../observe/logger.ts';
import { type FailureReason, KeyFailure } from './failure.ts';

/** Where keys go: the data plane, which keeps the last good ones. */
export interface KeySink {
  /** Throws when `json` is no key set; then the keys in force stay. */
  putKeys(issuerId: string, json: string): { usable: number; ignored: readonly string[] };
  /** Nothing new can be had now: requests that wait are decided with the keys there are. Unknown ids are ignored. */
  keysFailed(issuerId: string): void;
  /** The keys in force are too old to be believed: nothing is verified before others come. Unknown ids are ignored. */
  expireKeys(issuerId: string): void;
}

/** What a source has done so far. */
export interface KeySourceState {
  readonly loaded: number;
  readonly failed: number;
  /** Failures since the last good set. */
  readonly failedInARow: number;
  readonly failures: ReadonlyMap<FailureReason, number>;
  /** When the last good set came, or null before the first. */
  readonly loadedAt: number | null;
  /** When the next one is fetched, or null: it is not. */
  readonly nextAt: number | null;
  /** The last good set is older than it may be. */
  readonly isExpired: boolean;
}

export interface Tally {
  /** Hands a set over; throws when it holds no usable key. */
  load(json: string): void;
  fail(failure: KeyFailure, retryMs?: number): void;
  /** The set in force is too old; told once. */
  expire(): void;
  /** The next fetch is in `delayMs`. */
  next(delayMs: number): void;
  state(): KeySourceState;
}

interface TallyOptions {
  readonly logger: Logger;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/** The tally of the issuer `id`; `onLoaded` is called after each good set. */
export function createTally(id: string, sink: KeySink, options: TallyOptions, onLoaded: () => void): Tally {
  return new RunningTally(id, sink, options, onLoaded);
}

class RunningTally implements Tally {
  readonly #id: string;
  readonly #sink: KeySink;
  readonly #options: TallyOptions;
  readonly #onLoaded: () => void;
  readonly #failures = new Map<FailureReason, number>();
  #loaded = 0;
  #failed = 0;
  #failedInARow = 0;
  #loadedAt: number | null = null;
  #nextAt: number | null = null;
  #isExpired = false;
  /** The keys that were last told to be ignored. */
  #told = '';

  constructor(id: string, sink: KeySink, options: TallyOptions, onLoaded: () => void) {
    this.#id = id;
    this.#sink = sink;
    this.#options = options;
    this.#onLoaded = onLoaded;
  }

  load(json: string): void {
    const { usable, ignored } = this.#put(json);
    if (ignored.length > 0 && ignored.join() !== this.#told)
      this.#options.logger.warn({ issuer: this.#id, ignored }, 'keys of an issuer are ignored');
    this.#told = ignored.join();
    if (usable === 0) throw new KeyFailure('unusable', 'the key set holds no usable key');
    if (this.#failedInARow > 0)
      this.#options.logger.info({ issuer: this.#id }, 'the key set of an issuer can be had again');
    this.#loaded += 1;
    this.#failedInARow = 0;
    this.#isExpired = false;
    this.#loadedAt = this.#options.now();
    this.#onLoaded();
  }

  fail({ reason, message }: KeyFailure, retryMs?: number): void {
    this.#failed += 1;
    this.#failedInARow += 1;
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    this.#sink.keysFailed(this.#id);
    const retry = retryMs === undefined ? {} : { retryMs };
    this.#options.logger.warn(
      { issuer: this.#id, reason: message, class: reason, ...retry },
      'the key set of an issuer cannot be had',
    );
  }

  expire(): void {
    if (this.#isExpired) return;
    this.#isExpired = true;
    this.#sink.expireKeys(this.#id);
    const message = 'the keys of an issuer are too old: its tokens are refused until others come';
    this.#options.logger.error({ issuer: this.#id }, message);
  }

  next(delayMs: number): void {
    this.#nextAt = this.#options.now() + delayMs;
  }

  state(): KeySourceState {
    return {
      loaded: this.#loaded,
      failed: this.#failed,
      failedInARow: this.#failedInARow,
      failures: this.#failures,
      loadedAt: this.#loadedAt,
      nextAt: this.#nextAt,
      isExpired: this.#isExpired,
    };
  }

  /** What the data plane says of a bad set names what is wrong with it, and no key. */
  #put(json: string): ReturnType<KeySink['putKeys']> {
    try {
      return this.#sink.putKeys(this.#id, json);
    } catch (error) {
      throw new KeyFailure('unusable', error instanceof Error ? error.message : 'the key set is refused');
    }
  }
}
