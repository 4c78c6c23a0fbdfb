// An exchange whose connection the engine does not own: the engine composes heads, a downstream of JavaScript writes them.
import { ANSWER_GONE, RESPOND_OK } from '../native/layout.ts';
import { Exchange } from './exchange.ts';

/** A request body longer than this that nobody read costs the connection; a shorter rest is skipped by the listener. */
const MAX_SKIPPED_BYTES = 65536;
/** Longer bodies are sent with back-pressure instead of in one piece. */
const MAX_WHOLE_BYTES = 65536;

/**
 * What a downstream implements. `head` arguments are whole heads (`200 OK\r\nName: value`, without framing fields); they and
 * `Uint8Array` bodies are valid during the call only. Lengths of -1 mean unknown.
 */
export abstract class BridgedExchange extends Exchange {
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

  // In all three: the side is let go before the answer is written, because the object may serve another request after that.
  respondWhole(status: number, lines: string, body: string | Uint8Array): number {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const head = this.bridge.answer(this.id, status, lines, this.isHead ? 0 : length);
    if (typeof head === 'number') return this.#refused(head);
    const close = this.#closes;
    this.#letGo();
    if (this.isHead) this.empty(head, length, close);
    else if (length <= MAX_WHOLE_BYTES) this.whole(head, body, close);
    else {
      this.open(head, length, close);
      this.send(typeof body === 'string' ? Buffer.from(body) : body, true);
    }
    return RESPOND_OK;
  }

  respondEmpty(status: number, lines: string, length: number): number {
    const head = this.bridge.answer(this.id, status, lines, 0);
    if (typeof head === 'number') return this.#refused(head);
    const close = this.#closes;
    this.#letGo();
    this.empty(head, length, close);
    return RESPOND_OK;
  }

  respondOpen(status: number, lines: string, length: number): number {
    const head = this.bridge.answer(this.id, status, lines, -1);
    if (typeof head === 'number') return this.#refused(head);
    this.open(head, length, this.bridge.answerCloses);
    return RESPOND_OK;
  }

  sendPiece(data: Uint8Array): boolean {
    return this.send(data, false);
  }

  sendLast(data: Uint8Array, sent: number): void {
    const { id } = this;
    this.#letGo();
    this.send(data, true);
    this.bridge.finish(id, sent, true);
  }

  breakOff(sent: number): void {
    const { id } = this;
    this.#letGo();
    this.reset();
    this.bridge.finish(id, sent, false);
  }

  fail(): void {
    this.side = null;
    this.bridge.fail(this.id);
  }

  /** Whether the answer that was just composed closes the connection: the engine says so, or too much of the request body was not read. */
  get #closes(): boolean {
    return this.bridge.answerCloses || this.bodyLeft > MAX_SKIPPED_BYTES;
  }

  #refused(code: number): number {
    if (code === ANSWER_GONE) this.#letGo();
    return code;
  }

  #letGo(): void {
    this.side = null;
    this.bridge.release(this);
  }
}

/** Content-Length of a block that passed the guard, Infinity without one. */
export function declaredLength(block: string): number {
  const found = /(?:^|\n)content-length:[ \t]*(\d+)/i.exec(block);
  return found === null ? Number.POSITIVE_INFINITY : Number(found[1]);
}
