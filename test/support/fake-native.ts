// An engine that a test scripts: it decides and forwards nothing, and speaks the boundary's numbers like the real one.
import { loadNative } from '../../src/native/binding.ts';
import type { Native, PeerAddress } from '../../src/native/calls.ts';
import * as layout from '../../src/native/layout.ts';
import { FakeDownstream } from './fake-downstream.ts';

export interface FakeRequest {
  id: number;
  method: string;
  target: string;
  block: string;
  address: Uint8Array;
  body: Uint8Array[];
  bodyDone: boolean;
  aborted: boolean;
  blocked: boolean[];
  finished: { bytes: number; completed: boolean } | null;
  failed: boolean;
}

/** What the script says to a request: a handler number, or nothing and events later. */
export type Script = (
  request: FakeRequest,
  fake: FakeNative,
) => { handler?: number; body?: boolean } | undefined;

const encoder = new TextEncoder();

const addressBytes = (address: PeerAddress): Uint8Array =>
  typeof address === 'number'
    ? Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address)
    : new Uint8Array(address.slice(0));

export class FakeNative extends FakeDownstream {
  readonly requests: FakeRequest[] = [];
  /** What `body` answers next. */
  bodyFlow = layout.FLOW_CONTINUE;
  readonly facts = new Map<number, string>();
  #onEvents: () => void = () => {};
  #free: number[] = [];
  #live: (FakeRequest | undefined)[] = [];
  readonly #script: Script;

  constructor(script: Script) {
    super();
    this.#script = script;
  }

  get native(): Native {
    return this as unknown as Native;
  }

  engineOpen(_core: number, window: ArrayBuffer, onEvents: () => void): number {
    this.bind(window);
    this.#onEvents = onEvents;
    return 1;
  }
  engineClose(): void {}
  readonly acceptorOpen = loadNative().acceptorOpen;
  readonly acceptorClose = loadNative().acceptorClose;

  request(_engine: number, method: string, target: string, block: string, address: PeerAddress): number {
    const id = this.#free.pop() ?? this.#live.length;
    const request: FakeRequest = {
      id,
      method,
      target,
      block,
      address: addressBytes(address),
      body: [],
      bodyDone: false,
      aborted: false,
      blocked: [],
      finished: null,
      failed: false,
    };
    this.#live[id] = request;
    this.requests.push(request);
    const said = this.#script(request, this) ?? {};
    this.meta[layout.META_BODY] = said.body === true ? 1 : 0;
    this.meta[layout.META_HANDLER] = said.handler ?? 0;
    this.meta[layout.META_QUEUED] = this.events.length > 0 ? 1 : 0;
    return id * 8 + (said.handler === undefined ? layout.BEGUN_PENDING : layout.BEGUN_HANDLER);
  }

  body(_engine: number, id: number, chunk: ArrayBuffer | Uint8Array, last: boolean): number {
    const request = this.#live[id];
    if (request === undefined) return layout.FLOW_IGNORED;
    request.body.push(new Uint8Array(chunk).slice());
    request.bodyDone = last;
    this.meta[layout.META_QUEUED] = this.events.length > 0 ? 1 : 0;
    return this.bodyFlow;
  }
  takeBody(): ArrayBuffer {
    this.meta[layout.META_LAST] = 1;
    return encoder.encode('parked').buffer as ArrayBuffer;
  }
  next(): number {
    const event = this.events.shift();
    return event === undefined ? layout.EVENT_NONE : event(this.meta);
  }
  blocked(_engine: number, id: number, blocked: boolean): void {
    this.#live[id]?.blocked.push(blocked);
  }
  abort(_engine: number, id: number): void {
    const request = this.#live[id];
    if (request !== undefined) request.aborted = true;
    this.free(id);
  }
  answer(engine: number, id: number, status: number, lines: string, bytes: number): number {
    if (this.#live[id] === undefined) return layout.ANSWER_GONE;
    if (status < 200 || status > 599) return layout.ANSWER_BAD_STATUS;
    if (/(?:^|\n)connection:/i.test(lines)) return layout.ANSWER_BAD_HEADER;
    const length = this.putHead(`${status} Fake\r\n${lines}X-Trace-ID: trace-${id}`);
    if (bytes >= 0) this.finish(engine, id, bytes, true);
    return length;
  }
  finish(_engine: number, id: number, bytes: number, completed: boolean): void {
    const request = this.#live[id];
    if (request !== undefined) request.finished = { bytes, completed };
    this.free(id);
  }
  fail(_engine: number, id: number): void {
    this.failOwned(id);
    const request = this.#live[id];
    if (request === undefined) return;
    request.failed = true;
    this.head(id, '500 Internal Server Error\r\nContent-Type: application/problem+json', {
      whole: '{"status":500}',
    });
  }
  fact(_engine: number, id: number, which: number): string | null {
    const request = this.#live[id] ?? this.ownedAt(id);
    if (request === undefined) return null;
    if (which === layout.FACT_METHOD) return 'method' in request ? request.method : 'GET';
    if (which === layout.FACT_PATH) return request.target.split('?')[0] ?? '';
    if (which === layout.FACT_QUERY) return request.target.split('?')[1] ?? null;
    if (which === layout.FACT_HEADERS) return 'block' in request ? request.block : '';
    return this.facts.get(which) ?? null;
  }

  /** Queues a head. */
  head(
    id: number,
    head: string,
    body: { whole?: string | Uint8Array; sized?: number; none?: number | null; close?: boolean } = {},
  ): void {
    this.events.push((meta) => {
      meta[layout.META_HEAD_LEN] = this.putHead(head);
      meta[layout.META_CLOSE] = body.close === true ? 1 : 0;
      if (body.whole !== undefined) {
        meta[layout.META_BODY_KIND] = layout.BODY_WHOLE;
        meta[layout.META_BODY_LEN] = this.putBody(body.whole);
        this.free(id);
      } else if (body.sized !== undefined) {
        meta[layout.META_BODY_KIND] = layout.BODY_SIZED;
        this.putLength(body.sized);
      } else if (body.none !== undefined) {
        meta[layout.META_BODY_KIND] = body.none === null ? layout.BODY_NONE : layout.BODY_NONE_SIZED;
        this.putLength(body.none ?? 0);
        this.free(id);
      } else meta[layout.META_BODY_KIND] = layout.BODY_CHUNKED;
      return id * 16 + layout.EVENT_HEAD;
    });
  }
  /** Queues a piece of the body. */
  chunk(id: number, data: string | Uint8Array, last = false): void {
    this.events.push((meta) => {
      meta[layout.META_BODY_LEN] = this.putBody(data);
      meta[layout.META_LAST] = last ? 1 : 0;
      if (last) this.free(id);
      return id * 16 + layout.EVENT_CHUNK;
    });
  }
  /** Queues an event without fields. */
  event(id: number, kind: number, handler = 0): void {
    this.events.push((meta) => {
      meta[layout.META_HANDLER] = handler;
      if (kind === layout.EVENT_RESET) this.free(id);
      return id * 16 + kind;
    });
  }
  /** Tells JavaScript that events wait. */
  wake(): void {
    this.#onEvents();
  }

  free(id: number): void {
    if (this.#live[id] === undefined) return;
    this.#live[id] = undefined;
    this.#free.push(id);
  }
}
