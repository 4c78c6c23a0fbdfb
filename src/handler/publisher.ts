// Gathers changes and publishes them once per turn of the event loop; what is published is not its business.

export class Publisher {
  readonly #publish: () => number;
  readonly #report: (error: Error) => void;
  #waiting: { promise: Promise<number>; flush: () => void } | null = null;

  /** `publish` puts everything in force and returns the generation; what it throws goes to `report` and to those who wait. */
  constructor(publish: () => number, report: (error: Error) => void) {
    this.#publish = publish;
    this.#report = report;
  }

  /** There is something to publish. */
  schedule(): void {
    if (this.#waiting !== null) return;
    let resolve!: (generation: number) => void;
    let reject!: (error: unknown) => void;
    const promise = new Promise<number>((kept, broken) => {
      resolve = kept;
      reject = broken;
    });
    promise.catch(() => {});
    const flush = (): void => {
      clearImmediate(turn);
      this.#waiting = null;
      try {
        resolve(this.#publish());
      } catch (error) {
        reject(error);
        this.#report(error as Error);
      }
    };
    const turn = setImmediate(flush);
    this.#waiting = { promise, flush };
  }

  /** Publishes what waits now. */
  flush(): void {
    this.#waiting?.flush();
  }

  /** Settles with what waits; undefined when nothing does. */
  get pending(): Promise<number> | undefined {
    return this.#waiting?.promise;
  }
}
