// One worker thread as the main environment sees it: started, bound, serving, ended. It decides nothing about its end.
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../observe/logger.ts';
import { handlersError } from './module.ts';
import type { Binding, FromWorker, ToWorker, WorkerSetup } from './protocol.ts';

/** The same file from dist/workers/ and, in tests, from src/workers/: threads run what is built. */
const ENTRY = new URL('../../dist/workers/entry.js', import.meta.url);
/** A thread that does not end by itself for so long is stopped. */
const END_WITHIN_MS = 1000;

export interface ThreadOwner {
  readonly logger: Logger;
  keysWanted(issuer: number, generation: number): void;
}

export class WorkerThread {
  /** As it is called in errors. */
  readonly name: string;
  readonly #worker: Worker;
  readonly #owner: ThreadOwner;
  readonly #bound = new Outcome<readonly string[]>();
  readonly #serving = new Outcome<void>();
  /** What ended it, when that was an exception. */
  #error: Error | null = null;
  /** Resolves when the thread is gone, with what its end was. */
  readonly ended: Promise<string>;

  constructor(number: number, setup: WorkerSetup, owner: ThreadOwner) {
    this.name = `worker ${number}`;
    this.#owner = owner;
    this.#worker = new Worker(ENTRY, { name: `ferrogate ${this.name}`, workerData: setup });
    // Handlers run there, and may say anything.
    this.#worker.on('message', (message: FromWorker) => {
      try {
        this.#hear(message);
      } catch (err) {
        owner.logger.error({ worker: this.name, err }, 'a message of a worker cannot be understood');
      }
    });
    this.#worker.on('error', (error: unknown) => {
      this.#error = error instanceof Error ? error : new Error(String(error));
    });
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (code) => resolve(this.#exited(code)));
    });
  }

  /** The ids of the routes whose handlers it has. Rejects when its module fails, or it ends before. */
  get bound(): Promise<readonly string[]> {
    return this.#bound.promise;
  }

  /** Has it take requests; resolves when it does. */
  serve(binding: Binding): Promise<void> {
    this.#tell({ kind: 'serve', binding });
    return this.#serving.promise;
  }

  /** Ends it: what it still answers is broken. */
  async end(): Promise<void> {
    this.#tell({ kind: 'end' });
    const inTime = new AbortController();
    const late = setTimeout(END_WITHIN_MS, true, { signal: inTime.signal }).catch(() => false);
    if (await Promise.race([late, this.ended.then(() => false)])) await this.#worker.terminate();
    inTime.abort();
    await this.ended;
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromWorker): void {
    const { logger } = this.#owner;
    if (message.kind === 'bound') this.#bound.resolve(message.ids);
    else if (message.kind === 'failed') this.#bound.reject(handlersError(`${this.name}: ${message.message}`));
    else if (message.kind === 'keys') this.#owner.keysWanted(message.issuer, message.generation);
    else if (message.kind === 'log')
      logger[message.level]({ worker: this.name, ...message.fields }, message.message);
    else {
      // From here on the listener keeps the process alive, as it does without workers.
      this.#worker.unref();
      this.#serving.resolve();
    }
  }

  #exited(code: number): string {
    const how = this.#error === null ? `it exited with ${code}` : this.#error.message;
    const ended = handlersError(`${this.name} ended while it started: ${how}`, this.#error);
    this.#bound.reject(ended);
    this.#serving.reject(ended);
    return how;
  }
}

/** A promise that is settled from outside; its rejection is nobody's but theirs who wait. */
class Outcome<Value> {
  resolve!: (value: Value) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<Value>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    this.promise.catch(() => {});
  }
}
