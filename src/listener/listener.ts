// What every listener offers to the gateway; no code that runs.
import type { MetricFamily } from '../native/calls.ts';

/** A listening socket, or several, and their connections. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /**
   * The listening sockets, which stay the listener's.
   * @throws GatewayError `ERR_FG_LISTENER_UNAVAILABLE` when the library owns them
   */
  descriptors(): readonly number[];
  /** Takes no new connections; those that are open go on. */
  stopAccepting(): void;
  /** Leaves connections waiting, or takes them again, where the engine does not do so itself. */
  pause?(yes: boolean): void;
  /**
   * From now on answers end their connections, and WebSockets are closed one after the other within `timeoutMs`.
   * `keepIdle`: another process accepts meanwhile, so a connection without a request is kept for one more as long as
   * time allows.
   */
  drain(timeoutMs: number, keepIdle: boolean): void;
  /** Resolves when no answer is under way and none was asked for a moment. */
  quiet(): Promise<void>;
  /** Resolves when no connection is open. */
  empty(): Promise<void>;
  /** Metrics that the listener keeps itself. */
  families(): MetricFamily[];
  /** Closes every connection. */
  close(): void;
}
