// The body of a request for a handler: pieces come in from the listener, one reader takes them out; what waits is bounded.
import { GatewayError } from '../errors.ts';
import type { RequestBody } from './types.ts';

/** The client is stopped above this many unread bytes. */
const MAX_WAITING_BYTES = 65536;

/** Pieces are joined as long as they are no more than this together. */
const JOINED_BYTES = 4096;

/** Stops and restarts the client. */
export interface BodyFlow {
  pause(): void;
  resume(): void;
}

export class IncomingBody implements RequestBody {
  readonly #flow: BodyFlow;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #isOver: boolean;
  #failure: GatewayError | null = null;
  #isPaused = false;
  #isTaken = false;
  #bytes: Promise<Uint8Array> | null = null;
  /** Wakes the reader. */
  #wake: (() => void) | null = null;

  /** `isOver`: there is no body. */
  constructor(flow: BodyFlow, isOver: boolean) {
    this.#flow = flow;
    this.#isOver = isOver;
  }

  /** Whether the last piece has come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A piece, valid during the call only. */
  push(chunk: Uint8Array, last: boolean): void {
    if (this.#isOver || this.#failure !== null) return;
    if (chunk.length > 0) this.#keep(chunk);
    this.#waiting += chunk.length;
    this.#isOver = last;
    if (!last && !this.#isPaused && this.#waiting > MAX_WAITING_BYTES) {
      this.#isPaused = true;
      this.#flow.pause();
    }
    this.#wakeReader();
  }

  /** No more will come. */
  fail(failure: GatewayError): void {
    if (this.#isOver) return;
    this.#failure = failure;
    this.#chunks = [];
    this.#wakeReader();
  }

  /** A copy; small pieces are joined, or a body that comes byte by byte would cost hundreds of times its bytes. */
  #keep(chunk: Uint8Array): void {
    const at = this.#chunks.length - 1;
    const last = this.#chunks[at];
    const length = (last?.length ?? 0) + chunk.length;
    if (last === undefined || length > JOINED_BYTES) {
      this.#chunks.push(chunk.slice());
      return;
    }
    let block = new Uint8Array(last.buffer);
    if (length > block.length) {
      block = new Uint8Array(Math.min(JOINED_BYTES, 2 * length));
      block.set(last);
    }
    block.set(chunk, last.length);
    this.#chunks[at] = block.subarray(0, length);
  }

  async json<Value = unknown>(): Promise<Value> {
    const text = await this.text();
    try {
      return JSON.parse(text) as Value;
    } catch {
      throw new GatewayError('ERR_FG_BAD_JSON', 'the request body is not JSON');
    }
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  bytes(): Promise<Uint8Array> {
    if (this.#bytes === null) {
      this.#take();
      this.#bytes = this.#collect();
    }
    return this.#bytes;
  }

  stream(): ReadableStream<Uint8Array> {
    this.#take();
    return new ReadableStream(
      {
        pull: async (controller) => {
          const chunk = await this.#next();
          if (chunk === null) controller.close();
          else controller.enqueue(chunk);
        },
      },
      { highWaterMark: 0 },
    );
  }

  #take(): void {
    if (this.#isTaken) throw new TypeError('the request body is being read already');
    this.#isTaken = true;
  }

  async #collect(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) {
      chunks.push(chunk);
      length += chunk.length;
    }
    const [first] = chunks;
    if (chunks.length === 1 && first?.buffer.byteLength === length) return first;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  /** The next piece, null at the end. */
  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waiting -= chunk.length;
        if (this.#isPaused && this.#waiting <= MAX_WAITING_BYTES / 2) {
          this.#isPaused = false;
          this.#flow.resume();
        }
        return chunk;
      }
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
