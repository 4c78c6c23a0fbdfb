// The native calls as TypeScript sees them: the hot calls that cross the boundary per request, and the set-up calls.
/** One engine in this environment: a downstream bridge driven inside Node's event loop. A number, not an object: hot calls take it first. */
export type EngineHandle = number;

/**
 * The hot calls. Strings cross as UTF-8 into a fixed scratch; a string over its bound is refused with an answer.
 * None of them calls back into JavaScript. All take the engine handle and, where they act on one exchange, its id.
 */
export interface HotCalls {
  /**
   * One request: guard, decide, and forward or refuse it.
   * `block` is every header as `name: value\r\n`; `address` the peer's 4 or 16 address bytes, or IPv4 as a number.
   * Returns `id * 8 + kind` with kind one of BEGUN_HANDLER (handler number in meta[META_HANDLER]) or BEGUN_PENDING
   * (events follow; drain now when meta[META_QUEUED] is not 0). meta[META_BODY] tells about the request body:
   * 0 none, 1 announced (attach onData). Returns 0 when the engine is gone: answer 500 and close.
   */
  request(
    engine: EngineHandle,
    method: string,
    target: string,
    block: string,
    address: PeerAddress,
    https: boolean,
  ): number;
  /** A chunk of the request body. Returns FLOW_CONTINUE, FLOW_PAUSE (pause until EVENT_RESUME) or FLOW_IGNORED. */
  body(engine: EngineHandle, id: number, chunk: ArrayBuffer | Uint8Array, last: boolean): number;
  /** What came of the body of a request that was parked before EVENT_HANDLER; meta[META_LAST] is 1 when it is whole. */
  takeBody(engine: EngineHandle, id: number): ArrayBuffer;
  /** The next event as `id * 16 + kind`, its fields in the window; 0 when there is none. */
  next(engine: EngineHandle): number;
  /** The downstream cannot take more bytes now (true), or can again (false). */
  blocked(engine: EngineHandle, id: number, blocked: boolean): void;
  /** The client went away: everything of the exchange is released, its id is free. */
  abort(engine: EngineHandle, id: number): void;
  /**
   * Composes the response head of a JavaScript handler into the head window: status line, `lines`, gateway lines.
   * Returns its length, or a negative ANSWER_* code when `lines` hold what a handler may not set. With `bytes` of a body at
   * hand (0 for none) the exchange is finished by the same call; -1 leaves that to `finish`.
   */
  answer(engine: EngineHandle, id: number, status: number, lines: string, bytes: number): number;
  /** Ends a handler exchange: metrics and record; the id is free. `completed` false: the client saw a broken body. */
  finish(engine: EngineHandle, id: number, bytes: number, completed: boolean): void;
  /** Hands a handler exchange back to be refused with 500 (EVENT_HEAD follows; drain). */
  fail(engine: EngineHandle, id: number): void;
  /** Facts of a handler exchange, asked for lazily: FACT_* → string (params, claims as JSON), or null when the id is gone. */
  fact(engine: EngineHandle, id: number, which: number): string | null;
}

/** 4 or 16 address bytes, or an IPv4 address as a 32-bit number. */
export type PeerAddress = ArrayBuffer | number;

/** Calls that set things up; none is used per request. */
export interface SetupCalls {
  /** The core named `name` in this process, made when it does not exist yet; '' makes a new anonymous one. Returns its number. */
  coreOpen(name: string): number;
  /** Gives up this environment's hold; the last one frees the core. */
  coreClose(core: number): void;
  /** Compiles and swaps a whole plan. Throws a GatewayError-shaped error (code, message, issues) and changes nothing when it is bad. */
  publish(core: number, planJson: string): { generation: number; warnings: string[] };
  /** The generation in force, 0 before the first. */
  generation(core: number): number;
  putKeys(core: number, issuerId: string, jwksJson: string): { usable: number; ignored: string[] };
  /** The key source failed: waiting requests are decided with the keys there are. */
  keysFailed(core: number, issuerId: string): void;
  /** Addresses (`ip:port`, IPv6 in brackets) of each target URL of an upstream; none = the name did not resolve. */
  putTargets(core: number, upstreamId: string, targetsJson: string): void;
  /** Ids of issuers that never had a key, and of upstreams without any address. */
  missing(core: number): { issuers: string[]; upstreams: string[] };
  /** Every metric family as plain JSON text: MetricFamily[]. */
  metrics(core: number): string;
  /** Up to `max` access records as newline-separated JSON; `dropped` counts those lost since the last call. */
  takeRecords(core: number, max: number): { lines: string; dropped: number };
  /** What would be decided for a request, step by step, without taking tokens: JSON text. */
  explain(core: number, method: string, target: string, block: string, address: string): string;
  /** An incremental conflict checker used at registration time: returns its number. */
  draftOpen(): number;
  /** Adds a route; returns warnings; throws when it conflicts (message names the other route) or its pattern is bad. */
  draftAdd(draft: number, id: string, path: string, methods: string[], hosts: string[]): string[];
  draftClose(draft: number): void;
  /**
   * Starts the engine of this environment inside its event loop. `window` is shared memory laid out as in layout.ts;
   * `onEvents` is called (once per wake-up) when events wait. Closed by engineClose or with the environment.
   */
  engineOpen(core: number, window: ArrayBuffer, onEvents: () => void): EngineHandle;
  /** Refuses new requests with 503 and closes idle upstream connections; exchanges go on. */
  engineDrain(engine: EngineHandle): void;
  /**
   * Listens on an IP address, exclusively, and calls `onConnection` for each connection; the descriptor, non-blocking, is the
   * callee's. Throws ERR_FG_ADDRESS_IN_USE when the address is taken or cannot be bound.
   */
  acceptorOpen(
    host: string,
    port: number,
    onConnection: (fd: number, text: string, address: PeerAddress) => void,
  ): { acceptor: number; port: number };
  /** Stops listening; connections that were handed over go on. */
  acceptorClose(acceptor: number): void;
  /** Exchanges in flight. */
  engineInFlight(engine: EngineHandle): number;
  engineClose(engine: EngineHandle): void;
}

/** One metric family as Rust reports it. */
export interface MetricFamily {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  samples: MetricSample[];
}
export interface MetricSample {
  labels: Record<string, string>;
  /** Counter and gauge. */
  value?: number;
  /** Histogram: cumulative counts per upper bound in seconds, then sum in seconds and count. */
  buckets?: [le: number, count: number][];
  sum?: number;
  count?: number;
}

export interface Native extends HotCalls, SetupCalls {}
