// One name over time: resolved, resolved again when its TTL ends, its last good addresses kept when that fails.
import type { Logger } from '../observe/logger.ts';
import type { Resolver } from './resolver.ts';

/** Shortest and longest time between two resolutions of one name, in milliseconds. */
const minDelay = 1_000;
const maxDelay = 300_000;

export interface NameOptions {
  readonly resolver: Resolver;
  /** Milliseconds between two resolutions of a name whose TTL is not known. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** `host` with its addresses, from now on until closed. */
export class ResolvedName {
  /** Resolves when the first resolution has an outcome, good or bad. */
  readonly first: Promise<void>;
  readonly #host: string;
  readonly #options: NameOptions;
  readonly #onChange: () => void;
  #addresses: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isClosed = false;

  /** `onChange` is called when the addresses are others than before, never before the constructor has returned. */
  constructor(host: string, options: NameOptions, onChange: () => void) {
    this.#host = host;
    this.#options = options;
    this.#onChange = onChange;
    this.first = this.#resolve();
    void this.first.then(() => this.#arm());
  }

  /** The last good addresses; none before the first. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #resolve(): Promise<void> {
    try {
      const found = await this.#options.resolver.lookup(this.#host);
      if (this.#isClosed) return;
      this.#failures = 0;
      if (isSame(found, this.#addresses)) return;
      this.#addresses = found;
      this.#onChange();
    } catch (error) {
      if (this.#isClosed) return;
      this.#failures += 1;
      const fields = { host: this.#host, reason: reasonOf(error), retryMs: this.#retryMs() };
      this.#options.logger.warn(fields, 'the name of an upstream does not resolve');
    }
  }

  /** Sets the timer of the next resolution. */
  async #arm(): Promise<void> {
    const delay = this.#failures > 0 ? this.#retryMs() : await this.#validMs();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#resolve().then(() => this.#arm()), delay).unref();
  }

  async #validMs(): Promise<number> {
    const ttl = this.#isClosed
      ? undefined
      : await this.#options.resolver.ttl(this.#host).catch(() => undefined);
    return ttl === undefined ? this.#options.intervalMs : Math.min(maxDelay, Math.max(minDelay, ttl * 1000));
  }

  #retryMs(): number {
    return Math.min(this.#options.intervalMs, minDelay * 2 ** Math.min(this.#failures - 1, 16));
  }
}

/** Whether both hold the same addresses; servers like to rotate their order. */
function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((address) => other.includes(address));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
