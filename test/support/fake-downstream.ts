// The part of the scripted engine that owns connections: requests that a test makes come as events, answers are kept as they were given.
import * as layout from '../../src/native/layout.ts';

const encoder = new TextEncoder();

/** A request of a connection that the engine owns. */
export interface FakeOwned {
  readonly id: number;
  readonly target: string;
  /** What `respond` was given and took. */
  answer: {
    how: number;
    status: number;
    lines: string;
    body: string | Uint8Array | null;
    length: number;
  } | null;
  /** The pieces of an open answer. */
  sent: string[];
  isLast: boolean;
  broken: boolean;
  failed: boolean;
  flow: boolean[];
}

/** Writes the fields of one event and tells its number. */
type Event = (meta: Uint32Array) => number;

/** The window and what goes into it. */
class FakeWindow {
  readonly events: Event[] = [];
  protected meta = new Uint32Array(0);
  #window = new ArrayBuffer(0);

  protected bind(window: ArrayBuffer): void {
    this.#window = window;
    this.meta = new Uint32Array(window, 0, 16);
  }
  protected putHead(text: string): number {
    return this.#put(layout.WINDOW_HEAD, encoder.encode(text));
  }
  protected putBody(data: string | Uint8Array): number {
    return this.#put(layout.WINDOW_BODY, typeof data === 'string' ? encoder.encode(data) : data);
  }
  protected putLength(length: number): void {
    this.meta[layout.META_LENGTH_LO] = length % 0x1_0000_0000;
    this.meta[layout.META_LENGTH_HI] = Math.floor(length / 0x1_0000_0000);
  }
  #put(offset: number, data: Uint8Array): number {
    new Uint8Array(this.#window, offset).fill(0x23, 0, data.length + 64).set(data);
    return data.length;
  }
}

export class FakeDownstream extends FakeWindow {
  readonly owned: FakeOwned[] = [];
  /** What `respond` of an open answer and `send` answer next. */
  taken = layout.RESPOND_OK;
  readonly listenerCalls: string[] = [];
  connections = 0;
  readonly #live: (FakeOwned | undefined)[] = [];

  protected ownedAt(id: number): FakeOwned | undefined {
    return this.#live[id];
  }
  protected failOwned(id: number): void {
    const request = this.#live[id];
    if (request !== undefined) request.failed = true;
    this.#live[id] = undefined;
  }

  listenerOpen(core: number, engine: number, options: string): { listener: number; port: number } {
    this.listenerCalls.push(`open ${core} ${engine} ${options}`);
    return { listener: 9, port: 4711 };
  }
  listenerStopAccepting(listener: number): void {
    this.listenerCalls.push(`stopAccepting ${listener}`);
  }
  listenerDrain(listener: number, timeoutMs: number, keepIdle: boolean): void {
    this.listenerCalls.push(`drain ${listener} ${timeoutMs}${keepIdle ? ' keep' : ''}`);
  }
  listenerConnections(): number {
    return this.connections;
  }
  listenerClose(listener: number): void {
    this.listenerCalls.push(`close ${listener}`);
    for (const request of this.#live) if (request !== undefined) this.gone(request.id);
  }

  respond(
    _engine: number,
    id: number,
    how: number,
    status: number,
    lines: string,
    body: string | Uint8Array | null,
    length: number,
  ): number {
    const request = this.#live[id];
    if (request === undefined) return layout.ANSWER_GONE;
    if (status < 200 || status > 599) return layout.ANSWER_BAD_STATUS;
    if (/(?:^|\n)connection:/i.test(lines)) return layout.ANSWER_BAD_HEADER;
    request.answer = {
      how,
      status,
      lines,
      body: body instanceof Uint8Array ? new Uint8Array(body) : body,
      length,
    };
    if (how === layout.RESPOND_OPEN) return this.taken;
    this.#live[id] = undefined;
    return layout.RESPOND_OK;
  }
  send(_engine: number, id: number, chunk: Uint8Array, last: boolean): number {
    const request = this.#live[id];
    if (request === undefined) return layout.ANSWER_GONE;
    request.sent.push(new TextDecoder().decode(chunk));
    request.isLast = last;
    if (last) this.#live[id] = undefined;
    return this.taken;
  }
  breakOff(_engine: number, id: number): void {
    const request = this.#live[id];
    if (request !== undefined) request.broken = true;
    this.#live[id] = undefined;
  }
  flow(_engine: number, id: number, wanted: boolean): void {
    this.#live[id]?.flow.push(wanted);
  }

  /** A request comes over a connection of the engine; `body` is its declared length, Infinity for none declared. */
  ownedRequest(id: number, { target = '/', isHead = false, body = 0, handler = 7 } = {}): FakeOwned {
    const start = { answer: null, sent: [], isLast: false, broken: false, failed: false, flow: [] };
    const request: FakeOwned = { id, target, ...start };
    this.owned.push(request);
    this.events.push((meta) => {
      this.#live[id] = request;
      meta[layout.META_HANDLER] = handler;
      meta[layout.META_BODY] = body > 0 ? 1 : 0;
      meta[layout.META_IS_HEAD] = isHead ? 1 : 0;
      if (body === Number.POSITIVE_INFINITY)
        meta.fill(0xffff_ffff, layout.META_LENGTH_LO, layout.META_LENGTH_HI + 1);
      else this.putLength(body);
      return id * 16 + layout.EVENT_REQUEST;
    });
    return request;
  }
  /** A piece of its body. */
  ownedBody(id: number, data: string | Uint8Array, last = false): void {
    this.events.push((meta) => {
      meta[layout.META_BODY_LEN] = this.putBody(data);
      meta[layout.META_LAST] = last ? 1 : 0;
      return id * 16 + layout.EVENT_BODY;
    });
  }
  /** The client takes more. */
  writable(id: number): void {
    this.events.push(() => id * 16 + layout.EVENT_WRITABLE);
  }
  /** The client went away; or the engine answered by itself, with `status`. The request is forgotten unless `keeps` its facts for the event. */
  gone(id: number, { status = 0, keeps = false } = {}): void {
    if (!keeps) this.#live[id] = undefined;
    this.events.push((meta) => {
      meta[layout.META_STATUS] = status;
      return id * 16 + layout.EVENT_GONE;
    });
  }
}
