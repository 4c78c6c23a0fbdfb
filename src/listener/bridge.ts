// The engine of this environment as JavaScript drives it: requests go in, events come out and are handed to their exchanges.
import type { EngineHandle, Native, PeerAddress } from '../native/calls.ts';
import {
  BEGUN_HANDLER,
  BODY_NONE,
  BODY_NONE_SIZED,
  BODY_SIZED,
  BODY_WHOLE,
  EVENT_CHUNK,
  EVENT_HANDLER,
  EVENT_HEAD,
  EVENT_KEYS,
  EVENT_REQUEST,
  EVENT_RESET,
  EVENT_RESUME,
  FLOW_IGNORED,
  FLOW_PAUSE,
  META_BODY,
  META_BODY_KIND,
  META_BODY_LEN,
  META_CLOSE,
  META_HANDLER,
  META_HEAD_LEN,
  META_LAST,
  META_LENGTH_HI,
  META_LENGTH_LO,
  META_QUEUED,
  META_STATUS,
} from '../native/layout.ts';
import { type BridgedExchange, declaredLength } from './bridged-exchange.ts';
import { type Exchange, NO_EXCHANGE } from './exchange.ts';
import { type NativeExchange, NativeExchanges } from './native-exchange.ts';
import { Window } from './window.ts';

/** For a request that meets no engine: it failed or is closed. */
const INTERNAL_ERROR = new TextEncoder().encode('500 Internal Server Error');

/** What the bridge calls for work that is not its own. */
export interface BridgeOwner {
  /** A request for handler number `handler`. */
  handle(exchange: Exchange, handler: number): void;
  /** Keys of issuer number `issuer` of the plan of `generation` are wanted. */
  keysWanted(issuer: number, generation: number): void;
  /** A bug: something threw where nothing may. */
  report(error: unknown): void;
}

/** The one engine of this environment: requests go in, its events come out to their exchanges. */
export class Bridge {
  readonly native: Native;
  readonly core: number;
  readonly engine: EngineHandle;
  readonly #owner: BridgeOwner;
  readonly #window = new Window();
  /** The integers of the window, by `META_*`. */
  readonly meta = this.#window.meta;
  readonly #exchanges: (BridgedExchange | undefined)[] = [];
  readonly #natives = new NativeExchanges(this);
  #live = 0;
  #onIdle: (() => void)[] = [];

  constructor(native: Native, core: number, owner: BridgeOwner) {
    this.native = native;
    this.core = core;
    this.#owner = owner;
    this.engine = native.engineOpen(core, this.#window.memory, () => this.drain());
  }

  /** Exchanges that the engine knows. */
  get live(): number {
    return this.#live;
  }

  /** Hands a request over; true when its body is wanted. Answers that are ready are delivered before it returns. */
  begin(
    exchange: BridgedExchange,
    method: string,
    target: string,
    block: string,
    address: PeerAddress,
    https: boolean,
  ): boolean {
    const begun = this.native.request(this.engine, method, target, block, address, https);
    if (begun === 0) {
      exchange.whole(INTERNAL_ERROR, '', true);
      return false;
    }
    const hasBody = this.meta[META_BODY] !== 0;
    exchange.id = begun >>> 3;
    exchange.isHead = method === 'HEAD';
    exchange.bodyLeft = hasBody ? Number.POSITIVE_INFINITY : 0;
    this.#exchanges[exchange.id] = exchange;
    this.#live += 1;
    if ((begun & 7) === BEGUN_HANDLER) {
      if (hasBody) exchange.bodyLeft = declaredLength(block);
      this.#owner.handle(exchange, this.meta[META_HANDLER] as number);
    } else if (this.meta[META_QUEUED] !== 0) this.drain();
    return hasBody;
  }

  /** A piece of a request body. */
  body(exchange: BridgedExchange, chunk: ArrayBuffer | Uint8Array, last: boolean): void {
    if (exchange.id === NO_EXCHANGE) return;
    exchange.bodyLeft = last ? 0 : Math.max(exchange.bodyLeft - chunk.byteLength, 1);
    const flow = this.native.body(this.engine, exchange.id, chunk, last);
    if (flow === FLOW_PAUSE) exchange.pauseBody();
    else if (flow !== FLOW_IGNORED && exchange.side !== null) {
      exchange.side.data(chunk instanceof Uint8Array ? chunk : new Uint8Array(chunk), last);
    }
    if (this.meta[META_QUEUED] !== 0) this.drain();
  }

  /** The client went away. */
  aborted(exchange: BridgedExchange): void {
    const { id, side } = exchange;
    exchange.side = null;
    try {
      side?.aborted();
    } finally {
      if (id !== NO_EXCHANGE && exchange.id === id) {
        this.release(exchange);
        this.native.abort(this.engine, id);
      }
    }
  }

  /** Something threw where nothing may: that costs the exchange its connection, and is told. */
  broke(exchange: BridgedExchange, error: unknown): void {
    this.report(error);
    this.#breakOff(exchange);
  }

  #breakOff(exchange: BridgedExchange): void {
    for (const end of [() => this.aborted(exchange), () => exchange.reset()]) {
      try {
        end();
      } catch (error) {
        this.report(error);
      }
    }
  }

  /** Tells what threw where nothing may. */
  report(error: unknown): void {
    this.#owner.report(error);
  }

  /** The client can take more again. */
  drained(exchange: BridgedExchange): void {
    if (exchange.side !== null) exchange.side.writable();
    else if (exchange.id !== NO_EXCHANGE) this.native.blocked(this.engine, exchange.id, false);
  }

  /** Composes the head of a handler's answer: the head, or the negative `ANSWER_*` code. */
  answer(id: number, status: number, lines: string, bytes: number): Uint8Array | number {
    const length = this.native.answer(this.engine, id, status, lines, bytes);
    return length < 0 ? length : this.#window.head(length);
  }

  /** Whether the answer whose head was composed last ends its connection. */
  get answerCloses(): boolean {
    return this.meta[META_CLOSE] !== 0;
  }

  /** Tells the engine that an answer of a handler is over. */
  finish(id: number, bytes: number, completed: boolean): void {
    this.native.finish(this.engine, id, bytes, completed);
  }

  /** Leaves the answer to the engine: 500. */
  fail(id: number): void {
    this.native.fail(this.engine, id);
    this.drain();
  }

  /** Hands every event that waits to its exchange. */
  drain(): void {
    for (;;) {
      try {
        for (let event = this.native.next(this.engine); event !== 0; event = this.native.next(this.engine)) {
          this.#dispatch(event);
        }
        return;
      } catch (error) {
        this.report(error);
      }
    }
  }

  /** The engine forgot the exchange, or is about to: no event reaches it any more. Safe to repeat. */
  release(exchange: BridgedExchange): void {
    if (exchange.id === NO_EXCHANGE) return;
    this.#exchanges[exchange.id] = undefined;
    exchange.id = NO_EXCHANGE;
    this.ended();
  }

  /** A request of a connection that the engine owns goes to its handler. */
  begun(exchange: NativeExchange, handler: number): void {
    this.#live += 1;
    this.#owner.handle(exchange, handler);
  }

  /** One exchange less. */
  ended(): void {
    this.#live -= 1;
    if (this.#live > 0 || this.#onIdle.length === 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when no exchange is left. */
  idle(): Promise<void> {
    return this.#live === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Ends the engine; exchanges that are left are broken. */
  close(): void {
    for (const exchange of this.#exchanges) if (exchange !== undefined) this.#breakOff(exchange);
    this.#natives.close();
    this.native.engineClose(this.engine);
  }

  #dispatch(event: number): void {
    const kind = event & 15;
    const { meta } = this;
    const exchange = this.#exchanges[event >>> 4];
    if (kind >= EVENT_REQUEST) this.#natives.dispatch(kind, event >>> 4);
    else if (kind === EVENT_KEYS) {
      this.#owner.keysWanted(meta[META_HANDLER] as number, meta[META_LENGTH_LO] as number);
    } else if (exchange !== undefined) {
      try {
        this.#deliver(exchange, kind);
      } catch (error) {
        this.broke(exchange, error);
      }
    }
  }

  #deliver(exchange: BridgedExchange, kind: number): void {
    const { meta } = this;
    if (kind === EVENT_HEAD) this.#onHead(exchange);
    else if (kind === EVENT_CHUNK)
      this.#onChunk(exchange, meta[META_BODY_LEN] as number, meta[META_LAST] !== 0);
    else if (kind === EVENT_RESUME) exchange.resumeBody();
    else if (kind === EVENT_HANDLER) this.#onHandler(exchange, meta[META_HANDLER] as number);
    else if (kind === EVENT_RESET) {
      const { side } = exchange;
      exchange.side = null;
      this.release(exchange);
      exchange.reset();
      side?.answered(0);
    }
  }

  /** A request that had to wait goes to its handler, with what came of its body so far. */
  #onHandler(exchange: BridgedExchange, handler: number): void {
    const data = this.native.takeBody(this.engine, exchange.id);
    const last = this.meta[META_LAST] !== 0;
    // A body that is here already is not over for a handler that starts to read it at once.
    if (last && data.byteLength > 0) exchange.bodyLeft = 1;
    this.#owner.handle(exchange, handler);
    if (last) exchange.bodyLeft = 0;
    if (exchange.side === null || exchange.id === NO_EXCHANGE) return;
    if (data.byteLength > 0 || last) exchange.side.data(new Uint8Array(data), last);
    if (!last) exchange.resumeBody();
  }

  #onHead(exchange: BridgedExchange): void {
    const meta = this.meta;
    const status = meta[META_STATUS] as number;
    const kind = meta[META_BODY_KIND];
    const head = this.#window.head(meta[META_HEAD_LEN] as number);
    const close = meta[META_CLOSE] !== 0;
    const length = (meta[META_LENGTH_HI] as number) * 0x1_0000_0000 + (meta[META_LENGTH_LO] as number);
    const { side } = exchange;
    exchange.side = null;
    if (kind === BODY_WHOLE) {
      const body = this.bodyView(meta[META_BODY_LEN] as number);
      this.release(exchange);
      if (close) exchange.refuse(head, body);
      else exchange.whole(head, body, false);
    } else if (kind === BODY_NONE || kind === BODY_NONE_SIZED) {
      this.release(exchange);
      exchange.empty(head, kind === BODY_NONE ? -1 : length, close);
    } else exchange.open(head, kind === BODY_SIZED ? length : -1, close);
    // The engine answered in place of the handler, whose code runs last: a request that it makes would write over the window.
    side?.answered(status);
  }

  #onChunk(exchange: BridgedExchange, length: number, last: boolean): void {
    const { id } = exchange;
    if (last) this.release(exchange);
    if (!exchange.send(this.bodyView(length), last) && !last) this.native.blocked(this.engine, id, true);
  }

  /** The first bytes of the body in the window. */
  bodyView(length: number): Uint8Array {
    return this.#window.body(length);
  }
}
