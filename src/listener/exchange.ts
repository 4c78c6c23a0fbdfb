// What JavaScript sees of a request and its response, whoever owns its connection; it decides nothing.
import type { Bridge } from './bridge.ts';

export const NO_EXCHANGE = -1;

/** The side of a JavaScript handler: what it is told about its exchange. */
export interface HandlerSide {
  /** A piece of the request body, valid during the call only. */
  data(chunk: Uint8Array, last: boolean): void;
  /** The client can take more. */
  writable(): void;
  /** The client went away; the facts can still be read during the call if the engine has them. */
  aborted(): void;
  /** The engine answered the exchange itself with `status`, or broke the answer that has it; 0 when that is not known. */
  answered(status: number): void;
}

/**
 * One exchange as code that answers it sees it. `lines` are header lines, `Name: value` and CRLF each. The `respond…`
 * operations return RESPOND_OK, RESPOND_HOLD or a negative ANSWER_* code: nothing was sent then, and but for ANSWER_GONE
 * the exchange still waits for its answer. An operation that ends the exchange lets go of its side.
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

  /** Answers with a body at hand, of which HEAD gets the length. Ends the exchange. */
  abstract respondWhole(status: number, lines: string, body: string | Uint8Array): number;
  /** Answers without a body, `length` reported if not -1. Ends the exchange. */
  abstract respondEmpty(status: number, lines: string, length: number): number;
  /** Begins an answer whose body follows: `length` bytes, or chunked with -1. */
  abstract respondOpen(status: number, lines: string, length: number): number;
  /** A piece of that body; false: hold on until the side is told `writable`. */
  abstract sendPiece(data: Uint8Array): boolean;
  /** The last piece, with `sent` bytes in all. Ends the exchange. */
  abstract sendLast(data: Uint8Array, sent: number): void;
  /** Breaks an open answer after `sent` bytes, and its connection. Ends the exchange. */
  abstract breakOff(sent: number): void;
  /** Leaves the answer to the engine: 500. Lets go of the side. */
  abstract fail(): void;
  /** Stops and restarts the request body. */
  abstract pauseBody(): void;
  abstract resumeBody(): void;
}
