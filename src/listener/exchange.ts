// What JavaScript sees of a request and its response; it decides nothing.
import type { Bridge } from './bridge.ts';

/** A request body longer than this that nobody read costs the connection; a shorter rest is skipped by the listener. */
const MAX_SKIPPED_BYTES = 65536;
export const NO_EXCHANGE = -1;
/** The side of a JavaScript handler: what it is told about its exchange. */
export interface HandlerSide {
  /** A piece of the request body, valid during the call only. */
  data(chunk: Uint8Array, last: boolean): void;
  /** The client can take more. */
  writable(): void;
  /** The client went away; the facts can still be read during the call. */
  aborted(): void;
  /** The engine answered or broke the exchange itself. */
  answered(): void;
}

/**
 * One exchange as its downstream side implements it. `head` arguments are whole heads (`200 OK\r\nName: value`, without
 * framing fields); they and `Uint8Array` bodies are valid during the call only. Lengths of -1 mean unknown.
 */
export abstract class Exchange {
  /** The engine's id while the engine knows the exchange, else -1. */
  id = NO_EXCHANGE;
  isHead = false;
  side: HandlerSide | null = null;
  /** Request body bytes still to come; 0 when the body is over, Infinity when that is not known. */
  bodyLeft = 0;
  readonly bridge: Bridge;

  constructor(bridge: Bridge) {
    this.bridge = bridge;
  }

  /** An answer whose body is at hand. Ends the exchange. */
  abstract whole(head: Uint8Array, body: Uint8Array | string, close: boolean): void;
  /** A JSON answer after which nothing that the client sent may be looked at. Ends the exchange. */
  refuse(head: Uint8Array, body: Uint8Array): void {
    this.whole(head, body, true);
  }
  /** An answer without a body, `length` reported if not -1. Ends the exchange. */
  abstract empty(head: Uint8Array, length: number, close: boolean): void;
  /** The head of an answer whose body follows: `length` bytes, or chunked with -1. */
  abstract open(head: Uint8Array, length: number, close: boolean): void;
  /** A piece of that body; false: hold on until the bridge is told `drained`. */
  abstract send(data: Uint8Array, last: boolean): boolean;
  /** Breaks the connection. Ends the exchange. */
  abstract reset(): void;
  /** Stops and restarts the request body. */
  abstract pauseBody(): void;
  abstract resumeBody(): void;

  /** Whether an answer now must close the connection: too much of the request body was not read. */
  get closesEarly(): boolean {
    return this.bodyLeft > MAX_SKIPPED_BYTES;
  }
}
