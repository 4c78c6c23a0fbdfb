// The public types of a gateway; no code that runs.
import type { Writable } from 'node:stream';
import type { Duration, GatewayConfig } from './config/types.ts';
import type { DeniedTokens, DenyRequest } from './denylist/entry.ts';
import type { Routes } from './handler/registrar.ts';
import type { InjectOptions } from './listener/inject.ts';
import type { Logger } from './observe/logger.ts';
import type { MetricRegistry } from './observe/metrics.ts';
import type { ListeningSocket } from './takeover/sockets.ts';

/** What a gateway takes beside its configuration: things that no file can hold. */
export interface RuntimeOptions {
  /** pino or anything of its shape. Default: JSON lines on standard error. */
  logger?: Logger;
  /** Where access records go. Default: the given `logger` as `info(record, 'request')`, else JSON lines on standard error. */
  records?: Logger | Writable;
  /** A prom-client registry to expose metrics in. Default: one of its own. */
  registry?: MetricRegistry;
  /** Replaces `ferrogate_` at the start of metric names. */
  metricsPrefix?: string;
  /**
   * Shares limits, keys, token cache and addresses with every gateway of this process that names the same core, also
   * in worker threads. They must be given the same configuration. Default: a core of its own.
   */
  core?: string;
}

/** Replaces parts of `listen` and `admin` of the configuration. */
export interface ListenOverrides {
  host?: string;
  /** 0: any free port. */
  port?: number;
  listener?: 'auto' | 'uws' | 'native';
  /** Of the native listener; it does not choose that listener. */
  threads?: number | 'loop';
  /** Of the native listener; more than 1 need `listen.handlers`. */
  workers?: number;
  admin?: { host?: string; port?: number } | false;
  /**
   * For `ferrogate start --takeover` only: listening sockets of the instance that ran before, the gateway's from then on.
   * Those of its addresses are used, the others closed; `sockets` tells which ones there are later.
   */
  takeover?: readonly ListeningSocket[];
}

export interface Listening {
  /** `http://HOST:PORT`, or `https`, with the real port, IPv6 in brackets. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly adminUrl?: string;
  readonly listener: 'uws' | 'native';
  /** Why it is this one, in words that follow a colon. */
  readonly listenerReason: string;
}

/** Events with their arguments. */
export interface GatewayEvents {
  listening: [Listening];
  /** A `reload` is in force. */
  reload: [{ generation: number; warnings: readonly string[] }];
  /**
   * Routes that were registered could not be published, and were taken back; or a worker ended and is replaced
   * (`ERR_FG_WORKER_ENDED`). Logged when nobody listens.
   */
  error: [Error];
  close: [];
}

/** A route as it is in force. */
export interface RouteInfo {
  readonly id: string;
  readonly path: string;
  /** Empty: all. */
  readonly methods: readonly string[];
  /** Empty: any. */
  readonly hosts: readonly string[];
  /** Absent when a handler answers. */
  readonly upstream?: string;
  /** Ids of the issuers whose tokens are taken; absent when none is looked at. */
  readonly issuers?: readonly string[];
  /** Absent when no API key is demanded. */
  readonly apiKeys?: string;
  readonly limits: readonly string[];
}

/** What would be done with a request, and why. */
export interface Explanation {
  /** `forward`, `handler` or `refused`. */
  readonly verdict: string;
  /** The status of a refusal, else null. */
  readonly status: number | null;
  /** Id of the route. */
  readonly route: string | null;
  readonly steps: readonly { readonly step: string; readonly outcome: string; readonly detail: string }[];
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one sentence each; empty when ready. */
  readonly reasons: readonly string[];
}

/** What a key of a limit has instead of the limit's numbers: those of its algorithm, and no others. */
export interface LimitOverride {
  /** With `per` and `burst` (default `rate`) of a token bucket; alone of a window. */
  rate?: number;
  per?: Duration;
  burst?: number;
  /** Of a limit that counts requests in flight. */
  maxInFlight?: number;
}

export interface LimitOverrideInfo {
  readonly limit: string;
  /** A value for each part of the limit's key. */
  readonly key: readonly string[];
  readonly rule: LimitOverride;
}

export interface CloseOptions {
  timeoutMs?: number;
  handedOver?: boolean;
}

export interface Gateway extends Routes {
  /**
   * Opens the sockets.
   * @throws GatewayError `ERR_FG_ALREADY_LISTENING`, `ERR_FG_ADDRESS_IN_USE`, `ERR_FG_LISTENER_UNAVAILABLE`, `ERR_FG_CLOSED`
   */
  listen(overrides?: ListenOverrides): Promise<Listening>;
  /** Sends a request through guard, policies, handlers and forwarding without a socket; works before `listen`. */
  inject(request: InjectOptions | string): Promise<Response>;
  /**
   * Replaces the configuration, but for its sockets; routes of code stay. Resolves to the new generation.
   * @throws GatewayError and changes nothing when it is wrong or conflicts with routes of code
   */
  reload(config: GatewayConfig): Promise<number>;
  /** Resolves to the generation in which every route registered so far is live, or rejects with what was wrong. */
  applied(): Promise<number>;
  /** For `ferrogate start --takeover` only: what it listens on. */
  sockets(): ListeningSocket[];
  /**
   * Is not ready any more for `listen.drainDelay`, then takes no new connections, ends each open one with its next answer,
   * lets exchanges end for `timeoutMs` (default `listen.shutdownTimeout`), and breaks what is left.
   * `handedOver`: another process accepts from the same sockets, so the last connection is waited for, idle or not.
   */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  on<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this;
  once<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this;
  off<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this;
  /**
   * Refuses tokens from now on although they verify: one by its `jti`, those of a subject issued before a moment, or those
   * of a session. Resolved: in force in this process and, with a store, told to every gateway. Denied again, the later
   * moments hold.
   * @throws GatewayError `ERR_FG_CONFIG_INVALID`, `ERR_FG_DENY_LIST_FULL`, `ERR_FG_DENY_LIST_UNAVAILABLE`, `ERR_FG_CLOSED`
   */
  deny(request: DenyRequest): Promise<void>;
  /** Takes back what `deny` did; nothing happens for tokens that are not denied. */
  undeny(tokens: DeniedTokens): Promise<void>;
  /** Every route, of file and code. */
  routes(): RouteInfo[];
  /** What would be decided for a request, step by step; takes no tokens from limits. */
  explain(method: string, url: string, headers?: InjectOptions['headers'], ip?: string): Explanation;
  /**
   * Gives one key of a limit other numbers at once, without a reload, or takes them back with `null`. Kept across reloads,
   * at most 10,000; one that does not fit its limit after a reload has no effect until it does.
   * `key`: an IP address, route id, header value or claim, one for each part of the limit's key.
   * @throws GatewayError `ERR_FG_CONFIG_INVALID`, `ERR_FG_CLOSED`
   */
  setLimitOverride(limit: string, key: string | readonly string[], rule: LimitOverride | null): void;
  /** Every override that was set. */
  limitOverrides(): LimitOverrideInfo[];
  /** Whether traffic may come: listening, every issuer has keys and a deny-list that was read, every upstream an address. */
  ready(): Readiness;
}
