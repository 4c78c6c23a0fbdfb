// What an upstream does wrong in one case, and what must come of it; plain data that knows no listener.

/** What the client of the request must get. */
export type Outcome =
  /** 502 of the gateway with this code. */
  | 'upstream_protocol'
  | 'upstream_closed'
  /** An answer that can be seen to be broken, or none and the end of the connection. */
  | 'broken'
  /** A whole answer. */
  | { readonly status: number; readonly body: string };

export interface UpstreamCase {
  /** Unique in its table. */
  readonly name: string;
  /** Latin-1; pieces of an array go out one after the other. */
  readonly says: string | readonly string[];
  /** What follows: the upstream keeps the connection (default), ends it, or resets it. */
  readonly after?: 'ends' | 'resets';
  /** Said on the same connection when the client has its answer, before the next request. */
  readonly late?: string;
  /** Default `GET`. */
  readonly method?: string;
  readonly outcome: Outcome;
}

export const head = (...lines: readonly string[]): string =>
  `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/** An answer of two bytes behind a head with these lines. */
export const ok = (...lines: readonly string[]): string => `${head(...lines)}ok`;

/** What must never reach a client: a second answer behind the first. */
export const FORGED = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged';
