// One exchange whose client side is a uWebSockets.js response; pooled, with its callbacks bound once. It allocates nothing per request.
import type { Bridge } from './bridge.ts';
import { BridgedExchange } from './bridged-exchange.ts';
import type { UwsResponse } from './uws-library.ts';
import * as write from './uws-write.ts';

/** The listener's free exchanges, and how many hold a response. */
export interface UwsPool {
  readonly bridge: Bridge;
  readonly free: UwsExchange[];
  busy: number;
  /** Requests so far. */
  begun: number;
  /** Every answer ends its connection. */
  isDraining: boolean;
  /** Called when `busy` falls to 0. */
  onQuiet: (() => void) | null;
}

const MAX_FREE = 16384;
const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** uWebSockets.js takes a body of known length by `tryEnd` (what it refuses stays here) and a chunked one by `write`. */
export class UwsExchange extends BridgedExchange {
  #res: UwsResponse | null = null;
  readonly #pool: UwsPool;
  /** Still inside the request callback, where the library has corked the response. */
  #isFresh = false;
  /** Length of the body of the answer that is under way, -1 for chunked. */
  #total = -1;
  /** What `tryEnd` did not take, in order. */
  readonly #tail: Uint8Array[] = [];
  #isBlocked = false;
  #hasWritable = false;
  #isPaused = false;
  /** The head of the answer was written and its body follows. */
  #hasBegun = false;
  /** `onData` is attached and has not seen the end: late calls may come after the answer. */
  #isReceiving = false;

  constructor(pool: UwsPool) {
    super(pool.bridge);
    this.#pool = pool;
  }

  /** Binds the exchange to a response, inside its request callback. */
  start(res: UwsResponse): void {
    this.#res = res;
    this.#isFresh = true;
    this.#pool.busy += 1;
    this.#pool.begun += 1;
  }

  /** Whether the answer is not complete. */
  isOpen(): boolean {
    return this.#res !== null;
  }

  /** For a response that outlives the request callback. */
  attach(hasBody: boolean): void {
    const res = this.#res as UwsResponse;
    this.#isFresh = false;
    res.onAborted(this.#onAborted);
    if (!hasBody) return;
    this.#isReceiving = true;
    res.onData(this.#onData);
  }

  whole(head: Uint8Array, body: Uint8Array | string, close: boolean): void {
    const res = this.#take();
    if (res === null) return;
    write.whole(res, head, body, close || this.#pool.isDraining, this.#isFresh);
    this.#free();
  }

  override refuse(head: Uint8Array, body: Uint8Array): void {
    // An answer that is ended does not keep the library from serving what stands behind the request in the segment.
    if (this.#isFresh) this.#closeAfter(head, body.length + 2, body);
    else this.whole(head, body, true);
  }

  empty(head: Uint8Array, length: number, close: boolean): void {
    if (close || this.#pool.isDraining) {
      this.#closeAfter(head, length);
      return;
    }
    const res = this.#take();
    if (res === null) return;
    write.empty(res, head, length);
    this.#free();
  }

  open(head: Uint8Array, length: number, close: boolean): void {
    const res = this.#res;
    if (res === null) return;
    if (length === 0) {
      this.whole(head, NOTHING, close);
      return;
    }
    this.resumeBody();
    this.#hasBegun = true;
    this.#total = length;
    write.begin(res, head, length, close || this.#pool.isDraining);
  }

  send(data: Uint8Array, last: boolean): boolean {
    const res = this.#res;
    if (res === null) return true;
    if (this.#total >= 0) return this.#sendSized(res, data, last);
    if (last) {
      this.#take();
      write.last(res, data);
      this.#free();
      return true;
    }
    if (data.length === 0) return !this.#isBlocked;
    const taken = write.chunk(res, data);
    if (!taken) this.#block(res);
    return taken;
  }

  reset(): void {
    const res = this.#res;
    if (res === null) return;
    this.#free();
    res.close();
  }

  // The library's pause stops polling for writing too, and its resume brings back what another socket polled for: one
  // with unsent bytes stands still for ever. So once an answer flows, the request body is bounded by `maxBodyBytes` only.
  pauseBody(): void {
    if (this.#isPaused || this.#hasBegun || this.#res === null) return;
    this.#isPaused = true;
    this.#res.pause();
  }

  resumeBody(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#res?.resume();
  }

  #sendSized(res: UwsResponse, data: Uint8Array, last: boolean): boolean {
    if (last) this.resumeBody();
    if (this.#isBlocked) {
      if (data.length > 0) this.#tail.push(data.slice());
      return false;
    }
    if (data.length === 0) return true;
    const written = write.sized(res, data, this.#total);
    if (written === write.DONE) this.#free();
    else if (written !== write.ALL) {
      if (written < data.length) this.#tail.push(data.slice(written));
      this.#block(res);
      return false;
    }
    return true;
  }

  #block(res: UwsResponse): void {
    this.#isBlocked = true;
    if (this.#hasWritable) return;
    this.#hasWritable = true;
    res.onWritable(this.#onWritable);
  }

  // What these three throw would end the process: the library calls them.
  readonly #onWritable = (): boolean => {
    try {
      return this.#writable();
    } catch (error) {
      this.bridge.broke(this, error);
      return true;
    }
  };

  readonly #onAborted = (): void => {
    if (this.#res === null) return;
    try {
      this.bridge.aborted(this);
    } catch (error) {
      this.bridge.report(error);
    }
    this.#free();
  };

  readonly #onData = (chunk: ArrayBuffer, last: boolean): void => {
    if (last) this.#isReceiving = false;
    if (this.#res === null) return;
    try {
      this.bridge.body(this, chunk, last);
    } catch (error) {
      this.bridge.broke(this, error);
    }
  };

  #writable(): boolean {
    const res = this.#res;
    if (res === null || !this.#isBlocked) return true;
    for (let data = this.#tail[0]; data !== undefined; data = this.#tail[0]) {
      const before = res.getWriteOffset();
      const [ok, done] = res.tryEnd(data, this.#total);
      if (done) {
        this.#free();
        return true;
      }
      if (ok) {
        this.#tail.shift();
        continue;
      }
      const written = res.getWriteOffset() - before;
      if (written < data.length) this.#tail[0] = data.subarray(written);
      else this.#tail.shift();
      return false;
    }
    this.#isBlocked = false;
    this.bridge.drained(this);
    return true;
  }

  /** The response, about to be completed: reading goes on, or the connection would stand still for ever. */
  #take(): UwsResponse | null {
    this.resumeBody();
    return this.#res;
  }

  /** Writes an answer as a head that is never ended, then closes. The library adds CRLF: white space behind the JSON. */
  #closeAfter(head: Uint8Array, length: number, body: Uint8Array = NOTHING): void {
    const res = this.#res;
    if (res === null) return;
    const date = new Date().toUTCString();
    const rest = `\r\nDate: ${date}\r\nConnection: close\r\n${length >= 0 ? `Content-Length: ${length}\r\n` : ''}`;
    write.headOnly(res, Buffer.concat([head, encoder.encode(body.length > 0 ? `${rest}\r\n` : rest), body]));
    this.bridge.release(this);
    this.side = null;
    // Inside the request callback the head is still corked; closing now would lose it.
    setImmediate(() => {
      if (this.#res === res) this.reset();
    });
  }

  #free(): void {
    this.bridge.release(this);
    const pool = this.#pool;
    this.#res = null;
    this.side = null;
    this.#total = -1;
    // Setting the length of an array costs a call into the runtime, also when it is 0 already.
    if (this.#tail.length > 0) this.#tail.length = 0;
    this.#isBlocked = false;
    this.#hasWritable = false;
    this.#isPaused = false;
    this.#hasBegun = false;
    this.bodyLeft = 0;
    // A response that ended early may still call onData: such an exchange is not used again.
    if (!this.#isReceiving && pool.free.length < MAX_FREE) pool.free.push(this);
    pool.busy -= 1;
    if (pool.busy === 0) pool.onQuiet?.();
  }
}
