// Keeps a number of workers serving: starts them, checks what they bound, replaces those that die. It knows no request.
import { GatewayError } from '../errors.ts';
import { handlersError } from './module.ts';
import type { Binding, WorkerSetup } from './protocol.ts';
import { type ThreadOwner, WorkerThread } from './thread.ts';

/** A worker that dies again is replaced after this, doubled each time up to the longest wait. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;
/** A worker that served for so long is replaced at once. */
const STABLE_AFTER_MS = 10_000;

export interface PoolOwner extends ThreadOwner {
  /** What a worker is started with now. */
  setup(): WorkerSetup;
  /** What is in force now. */
  binding(): Binding;
  /** The application should know. */
  report(error: Error): void;
}

export class WorkerPool {
  readonly #owner: PoolOwner;
  /** Those that start or serve, by number from 1. */
  readonly #threads = new Map<number, WorkerThread>();
  readonly #serving = new Set<WorkerThread>();
  /** How often in a row each number died soon. */
  readonly #deaths = new Map<number, number>();
  readonly #waiting = new Map<number, ReturnType<typeof setTimeout>>();
  #size = 0;

  constructor(owner: PoolOwner) {
    this.#owner = owner;
  }

  /** How many there shall be. */
  get size(): number {
    return this.#size;
  }

  /**
   * Starts workers up to `size`; resolves when each ran the module.
   * @throws GatewayError `ERR_FG_CONFIG_INVALID` when one cannot; those that were added are ended
   */
  async grow(size: number): Promise<void> {
    const before = this.#size;
    this.#size = size;
    const added = Array.from({ length: size - before }, (_, at) => this.#start(before + 1 + at));
    try {
      await Promise.all(added.map((thread) => thread.bound));
    } catch (error) {
      await this.shrink(before);
      throw error;
    }
  }

  /** Ends workers down to `size`. */
  async shrink(size: number): Promise<void> {
    this.#size = size;
    const gone = [...this.#threads].filter(([number]) => number > size);
    for (const [number, timer] of this.#waiting) if (number > size) clearTimeout(timer);
    for (const [number, thread] of gone) {
      this.#threads.delete(number);
      this.#serving.delete(thread);
    }
    await Promise.all(gone.map(([, thread]) => thread.end()));
  }

  /**
   * Whether every worker has handlers for these routes, and for no others.
   * @throws GatewayError `ERR_FG_CONFIG_INVALID` naming route and environment
   */
  async check(ids: readonly string[]): Promise<void> {
    for (const thread of this.#threads.values()) checkBound(thread, await thread.bound, ids);
  }

  /** Has every worker serve what is in force; resolves when they do. One that dies on the way is replaced. */
  async serve(): Promise<void> {
    const binding = this.#owner.binding();
    await Promise.all([...this.#threads].map(([number, thread]) => this.#serve(number, thread, binding)));
  }

  /** Tells those that serve what is in force now. */
  update(): void {
    for (const thread of this.#serving) void thread.serve(this.#owner.binding());
  }

  /** Ends all of them. */
  close(): Promise<void> {
    return this.shrink(0);
  }

  #start(number: number): WorkerThread {
    const thread = new WorkerThread(number, this.#owner.setup(), this.#owner);
    this.#threads.set(number, thread);
    return thread;
  }

  async #serve(number: number, thread: WorkerThread, binding: Binding): Promise<void> {
    if (this.#serving.has(thread)) return;
    const since = Date.now();
    this.#serving.add(thread);
    void thread.ended.then((how) => this.#died(number, thread, how, Date.now() - since));
    await thread.serve(binding).catch(() => {});
  }

  #died(number: number, thread: WorkerThread, how: string, servedMs: number): void {
    this.#serving.delete(thread);
    if (this.#threads.get(number) !== thread) return;
    this.#threads.delete(number);
    if (servedMs >= STABLE_AFTER_MS) this.#deaths.delete(number);
    const said = `${thread.name} ended: ${how}; what it was answering is lost, and another takes its place`;
    this.#owner.report(new GatewayError('ERR_FG_WORKER_ENDED', said));
    this.#replaceLater(number);
  }

  #replaceLater(number: number): void {
    const deaths = this.#deaths.get(number) ?? 0;
    this.#deaths.set(number, deaths + 1);
    const wait = deaths === 0 ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (deaths - 1), LONGEST_WAIT_MS);
    const timer = setTimeout(() => {
      this.#waiting.delete(number);
      void this.#replace(number);
    }, wait);
    timer.unref();
    this.#waiting.set(number, timer);
  }

  async #replace(number: number): Promise<void> {
    const thread = this.#start(number);
    try {
      const binding = this.#owner.binding();
      checkBound(
        thread,
        await thread.bound,
        binding.handlers.map(([, id]) => id),
      );
      await this.#serve(number, thread, this.#owner.binding());
    } catch (error) {
      if (this.#threads.get(number) !== thread) return;
      this.#threads.delete(number);
      this.#owner.report(error as Error);
      await thread.end();
      if (number <= this.#size) this.#replaceLater(number);
    }
  }
}

function checkBound(thread: WorkerThread, bound: readonly string[], wanted: readonly string[]): void {
  const missing = wanted.find((id) => !bound.includes(id));
  if (missing !== undefined) throw handlersError(`route "${missing}" has no handler in ${thread.name}`);
  const extra = bound.find((id) => !wanted.includes(id));
  if (extra !== undefined)
    throw handlersError(`route "${extra}" of ${thread.name} has no handler in the main environment`);
}
