// The key sources of all issuers of a gateway, kept by issuer id across reloads; it never looks into a key.
import type { KeySource } from '../config/key-set.ts';
import { GatewayError } from '../errors.ts';
import type { MetricFamily } from '../native/calls.ts';
import type { Logger } from '../observe/logger.ts';
import type { Environment } from './loader.ts';
import { keySetFamilies } from './metrics.ts';
import { createKeySource, type KeySourceOptions, type RunningKeySource } from './source.ts';
import type { KeySink } from './tally.ts';

export type { KeySink } from './tally.ts';

export interface KeySourcesOptions {
  readonly logger: Logger;
  /** Milliseconds that only grow; default `performance.now`. */
  readonly now?: () => number;
  /** Variables that hold keys; default: those of this process. */
  readonly env?: Environment;
}

export interface KeySources {
  /** Fetches every set for the first time, inline sets at once. Call it after the plan that names the issuers is in force. */
  start(): void;
  /** Loads the inline sets alone, for a gateway that is only looked at. */
  startInline(): void;
  /** A token of this issuer named an unknown key: fetches now. An id that is not known is ignored. */
  wanted(issuerId: string): void;
  /** Resolves when every issuer has had a good set. Rejects with `ERR_FG_CLOSED` when closed before that. */
  ready(): Promise<void>;
  /** Refreshes and age of the set by issuer; how many keys are usable is counted where they are used. */
  stats(): MetricFamily[];
  /** Replaces the issuers: an unchanged source goes on as it is, a changed one starts anew, the keys in force stay. */
  update(issuers: readonly KeySource[]): void;
  close(): void;
}

interface Entry {
  readonly from: KeySource;
  readonly source: RunningKeySource;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: GatewayError) => void;
}

/** The sources of `issuers`; nothing is fetched before `start`. */
export function createKeySources(
  issuers: readonly KeySource[],
  sink: KeySink,
  options: KeySourcesOptions,
): KeySources {
  const defaults = { now: () => performance.now(), env: process.env };
  const sources = new RunningKeySources(sink, { ...defaults, ...options });
  sources.update(issuers);
  return sources;
}

class RunningKeySources implements KeySources {
  readonly #sink: KeySink;
  readonly #options: KeySourceOptions;
  readonly #entries = new Map<string, Entry>();
  #waiters: Waiter[] = [];
  #isStarted = false;
  #isClosed = false;

  constructor(sink: KeySink, options: KeySourceOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  start(): void {
    if (this.#isStarted || this.#isClosed) return;
    this.#isStarted = true;
    for (const { source } of this.#entries.values()) source.start();
  }

  startInline(): void {
    if (this.#isStarted || this.#isClosed) return;
    for (const { source } of this.#entries.values()) {
      if (source.isInline && source.state().loadedAt === null) source.start();
    }
  }

  wanted(issuerId: string): void {
    this.#entries.get(issuerId)?.source.wanted();
  }

  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError());
    if (this.#isReady()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  stats(): MetricFamily[] {
    const states = [...this.#entries].map(([id, { source }]) => [id, source.state()] as const);
    return keySetFamilies(states, this.#options.now());
  }

  update(issuers: readonly KeySource[]): void {
    if (this.#isClosed) return;
    dropAllBut(this.#entries, issuers, this.#sink);
    for (const from of issuers) {
      if (this.#entries.has(from.id)) continue;
      const source = createKeySource(from, this.#sink, this.#options, () => this.#settle());
      this.#entries.set(from.id, { from, source });
      if (this.#isStarted) source.start();
    }
    this.#settle();
  }

  close(): void {
    this.#isClosed = true;
    for (const { source } of this.#entries.values()) source.close();
    for (const { reject } of this.#waiters) reject(closedError());
    this.#waiters = [];
  }

  #isReady(): boolean {
    return [...this.#entries.values()].every(({ source }) => source.state().loadedAt !== null);
  }

  #settle(): void {
    if (this.#isClosed || !this.#isReady()) return;
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters = [];
  }
}

function dropAllBut(entries: Map<string, Entry>, next: readonly KeySource[], sink: KeySink): void {
  const kept = new Map(next.map((from) => [from.id, from]));
  for (const [id, { from, source }] of entries) {
    const wanted = kept.get(id);
    if (wanted !== undefined && isSame(from, wanted)) continue;
    source.close();
    entries.delete(id);
    // Its fetch ends unheard: requests that wait for it must not.
    sink.keysFailed(id);
  }
}

/** Whether nothing of a source changed but the cooldown, which the data plane keeps. A function is the same as itself alone. */
function isSame(a: KeySource, b: KeySource): boolean {
  const text = ({ refreshCooldownMs: _, ...rest }: KeySource): string => JSON.stringify(rest);
  const load = ({ jwks }: KeySource): unknown => ('load' in jwks ? jwks.load : undefined);
  return load(a) === load(b) && text(a) === text(b);
}

function closedError(): GatewayError {
  return new GatewayError('ERR_FG_CLOSED', 'the gateway was closed before every issuer had keys');
}
