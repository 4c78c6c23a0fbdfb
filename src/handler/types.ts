// The public types of JavaScript handlers: what they get and what they may return. No code that runs.
import type { RequestHeaders } from './headers.ts';
import type { PathParams } from './params.ts';

/** The body of a request. Everything is read at most once; the first way of reading decides. */
export interface RequestBody {
  /** @throws GatewayError `ERR_FG_BAD_JSON` (400), and those of `bytes` */
  json<Value = unknown>(): Promise<Value>;
  /** The body as UTF-8; bytes that are not become U+FFFD. */
  text(): Promise<string>;
  /** @throws GatewayError `ERR_FG_BODY_ABORTED` when the client went away before the end, `ERR_FG_BODY_TOO_LARGE` over the route's `maxBodyBytes` */
  bytes(): Promise<Uint8Array>;
  /** The body as it comes, with back-pressure. */
  stream(): ReadableStream<Uint8Array>;
}

/**
 * A request as a handler sees it. Members are derived when they are first read; what was never read before the answer
 * was complete is empty afterwards. With the native listener, what was never read before the client went away throws
 * `ERR_FG_BODY_ABORTED`.
 */
export interface HandlerContext<Path extends string = string> {
  readonly method: string;
  /** The canonical path, percent-encoded, without the query. */
  readonly path: string;
  /** Parameters of the path, percent-decoded once. */
  readonly params: PathParams<Path>;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  /** Verified claims of the token; null on a route without `jwt`. */
  readonly claims: Readonly<Record<string, unknown>> | null;
  /** The verified certificate of the client; null without one. Only the native listener has any. */
  readonly clientCertificate: ClientCertificate | null;
  /** Address of the client: of the peer, or what trusted proxies say. */
  readonly ip: string;
  /** 32 hexadecimal digits, the same as `X-Trace-ID` of the answer. */
  readonly traceId: string;
  /** Id of the route. */
  readonly route: string;
  readonly body: RequestBody;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Sets the status of the answer, 200 to 599. Default 200, or 204 when nothing is returned. */
  status(code: number): this;
  /**
   * Sets a header of the answer, replacing an earlier value; `set-cookie` is added each time. Hop-by-hop and framing
   * fields belong to the gateway.
   * @throws TypeError for a name or value outside the grammar of RFC 9110 section 5
   */
  header(name: string, value: string): this;
}

/** What a streamed answer is made of; strings are sent as UTF-8. */
export type StreamChunk = Uint8Array | ArrayBuffer | string;

/**
 * What a handler answers: text, bytes, an object as JSON, a web `Response`, a stream, or nothing (204).
 * A status or headers set on the context are added; those of a `Response` come from the `Response`.
 */
export type HandlerResult =
  | string
  | number
  | boolean
  | object
  | Uint8Array
  | ArrayBuffer
  | Response
  | ReadableStream<StreamChunk>
  | AsyncIterable<StreamChunk>
  | null
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: a function declared to return nothing is a handler too
  | void;

export type Handler<Path extends string = string> = (
  context: HandlerContext<Path>,
) => HandlerResult | Promise<HandlerResult>;

/** Who a client certificate says its owner is. */
export interface ClientCertificate {
  /** RFC 4514 text. */
  readonly subject: string;
  /** Subject alternative names, such as `DNS:app.example`. */
  readonly sans: readonly string[];
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly fingerprint: string;
  /** Hexadecimal. */
  readonly serial: string;
  /** Seconds since 1970-01-01T00:00:00Z. */
  readonly notAfter: number;
}
