// Exchanges whose connection the engine owns: one event brings a request, one call answers it. It writes no byte of HTTP.
import {
  ANSWER_GONE,
  EVENT_BODY,
  EVENT_GONE,
  EVENT_REQUEST,
  EVENT_WRITABLE,
  META_BODY,
  META_BODY_LEN,
  META_HANDLER,
  META_IS_HEAD,
  META_LAST,
  META_LENGTH_HI,
  META_LENGTH_LO,
  META_STATUS,
  RESPOND_EMPTY,
  RESPOND_HOLD,
  RESPOND_OPEN,
  RESPOND_WHOLE,
} from '../native/layout.ts';
import type { Bridge } from './bridge.ts';
import { Exchange, NO_EXCHANGE } from './exchange.ts';

/** Longer texts are encoded here: 3 bytes of UTF-8 each at most, they fit the 48 KiB that cross as a string. */
const MAX_TEXT_CHARS = 16384;
/** Both halves of a length that is not known. */
const UNKNOWN = 0xffff_ffff;

export class NativeExchange extends Exchange {
  respondWhole(status: number, lines: string, body: string | Uint8Array): number {
    if (this.isHead) {
      const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
      return this.respondEmpty(status, lines, length);
    }
    const sent = typeof body === 'string' && body.length > MAX_TEXT_CHARS ? Buffer.from(body) : body;
    const { native, engine } = this.bridge;
    return this.#ended(native.respond(engine, this.id, RESPOND_WHOLE, status, lines, sent, -1));
  }

  respondEmpty(status: number, lines: string, length: number): number {
    const { native, engine } = this.bridge;
    return this.#ended(native.respond(engine, this.id, RESPOND_EMPTY, status, lines, null, length));
  }

  respondOpen(status: number, lines: string, length: number): number {
    const { native, engine } = this.bridge;
    const code = native.respond(engine, this.id, RESPOND_OPEN, status, lines, null, length);
    if (code === ANSWER_GONE) this.letGo();
    return code;
  }

  sendPiece(data: Uint8Array): boolean {
    const { native, engine } = this.bridge;
    const code = native.send(engine, this.id, data, false);
    // Gone: its event may be on the way, and finds nobody then.
    if (code < 0) this.gone();
    return code !== RESPOND_HOLD;
  }

  sendLast(data: Uint8Array): void {
    const { native, engine } = this.bridge;
    const { id } = this;
    this.letGo();
    native.send(engine, id, data, true);
  }

  breakOff(): void {
    const { native, engine } = this.bridge;
    const { id } = this;
    this.letGo();
    native.breakOff(engine, id);
  }

  fail(): void {
    const { native, engine } = this.bridge;
    const { id } = this;
    this.letGo();
    native.fail(engine, id);
  }

  pauseBody(): void {
    if (this.id !== NO_EXCHANGE) this.bridge.native.flow(this.bridge.engine, this.id, false);
  }

  resumeBody(): void {
    if (this.id !== NO_EXCHANGE) this.bridge.native.flow(this.bridge.engine, this.id, true);
  }

  /** The client went away. */
  gone(): void {
    const { side } = this;
    this.letGo();
    side?.aborted();
  }

  /** The engine forgot the exchange, or is about to. */
  letGo(): void {
    this.side = null;
    if (this.id === NO_EXCHANGE) return;
    this.id = NO_EXCHANGE;
    this.bridge.ended();
  }

  /** What `respond` said to an answer that is over if it was taken. */
  #ended(code: number): number {
    if (code >= 0 || code === ANSWER_GONE) this.letGo();
    return code;
  }
}

/** All of them. Each id has one object, used again for every request of that id: a request allocates none. */
export class NativeExchanges {
  readonly #bridge: Bridge;
  readonly #byId: (NativeExchange | undefined)[] = [];

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** Hands an event to its exchange; one that is answered already takes none. */
  dispatch(kind: number, id: number): void {
    try {
      this.#deliver(kind, id);
    } catch (error) {
      this.#bridge.report(error);
      this.#breakOff(id);
    }
  }

  /** Breaks what is left. */
  close(): void {
    for (const exchange of this.#byId) if (exchange !== undefined) this.#breakOff(exchange.id);
  }

  #deliver(kind: number, id: number): void {
    if (kind === EVENT_REQUEST) {
      this.#begin(id);
      return;
    }
    const exchange = this.#byId[id];
    if (exchange === undefined || exchange.id !== id) return;
    if (kind === EVENT_BODY) this.#onBody(exchange);
    else if (kind === EVENT_WRITABLE) exchange.side?.writable();
    else if (kind === EVENT_GONE) this.#onGone(exchange);
  }

  /** Costs the exchange its connection, if it is not over. */
  #breakOff(id: number): void {
    const exchange = this.#byId[id];
    if (id === NO_EXCHANGE || exchange === undefined || exchange.id !== id) return;
    try {
      exchange.gone();
    } catch (error) {
      this.#bridge.report(error);
    }
    this.#bridge.native.breakOff(this.#bridge.engine, id);
  }

  #begin(id: number): void {
    const { meta } = this.#bridge;
    const exchange = this.#byId[id] ?? this.#add(id);
    exchange.id = id;
    exchange.isHead = meta[META_IS_HEAD] !== 0;
    exchange.bodyLeft = meta[META_BODY] === 0 ? 0 : announcedLength(meta);
    this.#bridge.begun(exchange, meta[META_HANDLER] as number);
  }

  #add(id: number): NativeExchange {
    const exchange = new NativeExchange(this.#bridge);
    // Ids are places in a slab and come in nearly their order: the array stays dense.
    while (this.#byId.length < id) this.#byId.push(undefined);
    this.#byId[id] = exchange;
    return exchange;
  }

  #onBody(exchange: NativeExchange): void {
    const { meta } = this.#bridge;
    const length = meta[META_BODY_LEN] as number;
    const last = meta[META_LAST] !== 0;
    exchange.bodyLeft = last ? 0 : Math.max(exchange.bodyLeft - length, 1);
    exchange.side?.data(this.#bridge.bodyView(length), last);
  }

  #onGone(exchange: NativeExchange): void {
    const status = this.#bridge.meta[META_STATUS] as number;
    if (status === 0) {
      exchange.gone();
      return;
    }
    const { side } = exchange;
    exchange.letGo();
    side?.answered(status);
  }
}

function announcedLength(meta: Uint32Array): number {
  const low = meta[META_LENGTH_LO] as number;
  const high = meta[META_LENGTH_HI] as number;
  return low === UNKNOWN && high === UNKNOWN ? Number.POSITIVE_INFINITY : high * 0x1_0000_0000 + low;
}
