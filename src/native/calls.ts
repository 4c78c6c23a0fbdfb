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
  /** Hands a handler exchange back to be refused with 500: EVENT_HEAD follows (drain), or the engine writes it itself where it owns the connection. */
  fail(engine: EngineHandle, id: number): void;
  /** Facts of a handler exchange, asked for lazily: FACT_* → string (params, claims as JSON), or null when the id is gone. */
  fact(engine: EngineHandle, id: number, which: number): string | null;
  /**
   * Answers a handler exchange of a connection that the engine owns (EVENT_REQUEST). `how`: RESPOND_WHOLE (`body` is all of
   * it, text as UTF-8 of at most 48 KiB), RESPOND_EMPTY (no body; `length` to report, or -1), RESPOND_OPEN (the body follows
   * by `send`; `length` bytes, or -1 for chunked). `lines` are the handler's headers, `Name: value\r\n` each.
   * Returns RESPOND_OK, RESPOND_HOLD (accepted; send no more before EVENT_WRITABLE), or a negative ANSWER_* code: nothing was
   * sent then. RESPOND_WHOLE and RESPOND_EMPTY end the exchange: its id is free.
   */
  respond(
    engine: EngineHandle,
    id: number,
    how: number,
    status: number,
    lines: string,
    body: string | Uint8Array | null,
    length: number,
  ): number;
  /** A piece of an open answer; `last` ends it. Returns RESPOND_OK, RESPOND_HOLD, or a negative number: the exchange is gone. */
  send(engine: EngineHandle, id: number, chunk: Uint8Array, last: boolean): number;
  /** Breaks the connection of an exchange that is open or not answered yet; ends it. */
  breakOff(engine: EngineHandle, id: number): void;
  /** Stops (false) or restarts (true) the EVENT_BODY of an exchange. */
  flow(engine: EngineHandle, id: number, wanted: boolean): void;
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
  /** The keys in force are too old: tokens are refused as before the first set, until keys are put again. */
  expireKeys(core: number, issuerId: string): void;
  /**
   * Changes which tokens of an issuer are denied (`DenyChange`); null for one that is not in force. `refused` entries were left
   * out because the list is full.
   */
  putDenied(core: number, issuerId: string, changeJson: string): { entries: number; refused: number } | null;
  /** Addresses (`ip:port`, IPv6 in brackets) of each target URL of an upstream; none = the name did not resolve. */
  putTargets(core: number, upstreamId: string, targetsJson: string): void;
  /** Puts other numbers (JSON) in place of a limit's for one of its keys, or removes them (null). */
  limitOverride(core: number, limitId: string, values: string[], ruleJson: string | null): void;
  /** Every override as JSON: `[{limit, key, rule}]`. */
  limitOverrides(core: number): string;
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
  /** Whether this environment takes requests for handlers from the other engines of its core; those that it has go on. */
  engineHost(engine: EngineHandle, yes: boolean): void;
  /**
   * Listens on an IP address, exclusively, and calls `onConnection` for each connection; the descriptor, non-blocking, is the
   * callee's. With `fd`, a listening socket which is the acceptor's from then on, it binds nothing. Throws
   * ERR_FG_ADDRESS_IN_USE when the address is taken or cannot be bound.
   */
  acceptorOpen(
    host: string,
    port: number,
    onConnection: (fd: number, text: string, address: PeerAddress) => void,
    fd?: number,
  ): { acceptor: number; port: number };
  /** The listening descriptor of an acceptor, which keeps it; -1 when it is closed. */
  acceptorFd(acceptor: number): number;
  /** Stops listening; connections that were handed over go on. */
  acceptorClose(acceptor: number): void;
  /**
   * Opens a native listener of `core`; `engine` is the environment's own, which gets the requests for handlers.
   * Throws ERR_FG_ADDRESS_IN_USE when the address is taken or cannot be bound.
   */
  listenerOpen(core: number, engine: EngineHandle, optionsJson: string): { listener: number; port: number };
  /** Its listening sockets, for a process that takes them over. */
  listenerFds(listener: number): number[];
  /** Accepts what waits, then closes the listening sockets; connections go on. */
  listenerStopAccepting(listener: number): void;
  /**
   * Answers carry `Connection: close`, and WebSockets get 1001 one after the other within `timeoutMs`. Idle connections
   * are closed after a moment; with `keepIdle` only in the second half of the time, one after the other.
   */
  listenerDrain(listener: number, timeoutMs: number, keepIdle: boolean): void;
  /** Connections that are open now; at least 1 while more may come from its sockets. */
  listenerConnections(listener: number): number;
  /** Breaks what is left and ends its threads. */
  listenerClose(listener: number): void;
  /** Listens on an IP address, exclusively; the descriptor is the caller's. Throws ERR_FG_ADDRESS_IN_USE. */
  bindTcp(host: string, port: number): number;
  /**
   * Linux only. Listens at a path that does not exist yet, mode 0600; connections of the same user are handed over, of others
   * `fd` is -1 and `peer` says whose it was. Closed by acceptorClose. Throws ERR_FG_TAKEOVER_FAILED.
   */
  takeoverServe(path: string, onConnection: (fd: number, peer: string) => void): number;
  /** Sends a line and up to 64 descriptors, which stay open, over a connection. Throws ERR_FG_TAKEOVER_FAILED. */
  takeoverSend(connection: number, line: string, sockets: number[]): void;
  /**
   * Sends a line to whoever listens at `path` and resolves to the line that comes back with its listening TCP sockets, all
   * the caller's; null when nobody listens. Rejects with ERR_FG_TAKEOVER_FAILED.
   */
  takeoverAsk(path: string, line: string, timeoutMs: number): Promise<Taken | null>;
  /**
   * Tells the overload guard how late the event loop is, in milliseconds, and how many bytes the process has and could have
   * (0: nobody looked). The steps in force: 0 calm, 1 ends connections, 2 refuses requests, 3 stops accepting.
   */
  engineLook(engine: EngineHandle, lateMs: number, usedBytes: number, thereBytes: number): OverloadSteps;
  /** Leaves the connections of an acceptor waiting, or takes them again. */
  acceptorPause(engine: EngineHandle, acceptor: number, yes: boolean): void;
  /** Exchanges in flight. */
  engineInFlight(engine: EngineHandle): number;
  engineClose(engine: EngineHandle): void;
}

/** Steps of the overload guard. */
export interface OverloadSteps {
  /** Of memory and exchanges in flight. */
  shared: number;
  /** Of the event loop of this environment. */
  own: number;
}

/** What `listenerOpen` takes, as JSON. */
export interface ListenerOptions {
  /** An IP address. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** Connections that may wait to be accepted. */
  backlog: number;
  /** 0: inside the event loop of this environment. */
  threads: number;
  /** Listening sockets that were taken over, used instead of binding. */
  fds: readonly number[];
}
/** What `takeoverAsk` resolves to. */
export interface Taken {
  connection: number;
  line: string;
  sockets: TakenSocket[];
}
/** A listening socket, and the address that the system tells of it. */
export interface TakenSocket {
  fd: number;
  host: string;
  port: number;
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
