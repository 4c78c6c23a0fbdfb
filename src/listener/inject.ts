// Requests made in the process itself, answered as web Responses: the same native call as a listener's, without a socket.
import { isIPv4, isIPv6 } from 'node:net';
import { GatewayError } from '../errors.ts';
import type { Bridge } from './bridge.ts';
import { BridgedExchange } from './bridged-exchange.ts';

export interface InjectOptions {
  /** Default `GET`. */
  method?: string;
  /** A target as sent (`/orders/1?x=y`), or an absolute URL whose authority becomes `Host`. It is not normalised. */
  url: string;
  headers?:
    | Headers
    | Record<string, string | readonly string[]>
    | Iterable<readonly [name: string, value: string]>;
  /** A stream is sent chunked; everything else with its length. */
  body?: string | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | null;
  /** Address of the client; default `127.0.0.1`. */
  ip?: string;
  /** The client goes away when it is aborted. */
  signal?: AbortSignal;
}

const PIECE_BYTES = 65536;
const encoder = new TextEncoder();

/**
 * Sends a request through the gateway.
 * @throws TypeError for an `ip` that is no address; the reason of `signal` when the client went away before the head
 */
export function inject(bridge: Bridge, options: InjectOptions): Promise<Response> {
  const { method = 'GET', signal } = options;
  const { https, target, block, body } = requestLines(options);
  const address = addressBytes(options.ip ?? '127.0.0.1');
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const exchange = new InjectExchange(bridge);
  const wanted = bridge.begin(exchange, method, target, block, address, https);
  if (signal !== undefined) exchange.listen(signal);
  if (wanted && body !== null) exchange.sendBody(body);
  else if (body instanceof ReadableStream) void body.cancel().catch(ignore);
  return exchange.response;
}

interface RequestLines {
  https: boolean;
  target: string;
  /** Every header as `name: value` and CRLF. */
  block: string;
  body: Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | null;
}

/** The request as it would be on the wire, with `Host` and the framing of its body added. */
export function requestLines(options: InjectOptions): RequestLines {
  const { https, authority, target } = splitUrl(options.url);
  const body = typeof options.body === 'string' ? encoder.encode(options.body) : (options.body ?? null);
  return {
    https,
    target,
    block: headerBlock(options.headers ?? {}, authority, body, options.method ?? 'GET'),
    body,
  };
}

class InjectExchange extends BridgedExchange {
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #reject!: (reason: unknown) => void;
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null;
  #resume: (() => void) | null = null;
  #isPaused = false;
  #isOver = false;
  #unlisten: (() => void) | null = null;

  constructor(bridge: Bridge) {
    super(bridge);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Goes away when `signal` says so, and keeps nothing on it afterwards. */
  listen(signal: AbortSignal): void {
    if (this.#isOver) return;
    const leave = (): void => this.abort(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', leave);
  }

  whole(head: Uint8Array, body: Uint8Array | string): void {
    const bytes = typeof body === 'string' ? encoder.encode(body) : body.slice();
    this.#finish(responseOf(head, bytes, bytes.length));
  }

  empty(head: Uint8Array, length: number): void {
    this.#finish(responseOf(head, null, length));
  }

  open(head: Uint8Array, length: number): void {
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#stream = controller;
        },
        pull: () => this.bridge.drained(this),
        cancel: (reason) => this.abort(reason),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: PIECE_BYTES }),
    );
    this.#resolve(responseOf(head, body, length));
  }

  send(data: Uint8Array, last: boolean): boolean {
    const stream = this.#stream;
    if (stream === null) return true;
    if (data.length > 0) stream.enqueue(data.slice());
    if (!last) return (stream.desiredSize ?? 1) > 0;
    this.#end();
    stream.close();
    return true;
  }

  reset(): void {
    this.#break(new GatewayError('ERR_FG_RESPONSE_BROKEN', 'the answer broke off before its end'));
  }

  /** The client goes away. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.bridge.aborted(this);
    this.#break(reason);
  }

  pauseBody(): void {
    this.#isPaused = true;
  }

  resumeBody(): void {
    this.#isPaused = false;
    this.#resume?.();
  }

  /** Sends the request body in the pieces that a socket would give. */
  async sendBody(body: Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>): Promise<void> {
    const isStream = body instanceof ReadableStream;
    const chunks = isStream ? body : [body instanceof Uint8Array ? body : new Uint8Array(body)];
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
          if (this.#isPaused) await this.#untilResumed();
          if (this.#isOver) return;
          const last = !isStream && at + PIECE_BYTES >= chunk.length;
          this.bridge.body(this, chunk.subarray(at, at + PIECE_BYTES), last);
        }
      }
      if (isStream && !this.#isOver) this.bridge.body(this, new Uint8Array(0), true);
    } catch (error) {
      this.abort(error);
    }
  }

  #untilResumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #finish(response: Response): void {
    this.#end();
    this.#resolve(response);
  }

  #break(reason: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#reject(reason);
    this.#stream?.error(reason);
  }

  #end(): void {
    this.#isOver = true;
    this.#unlisten?.();
    this.bridge.release(this);
    this.#resume?.();
  }
}

/** `200 OK\r\nName: value…` and a body as a Response; `length` is reported as Content-Length if not -1. */
function responseOf(head: Uint8Array, body: Uint8Array | ReadableStream | null, length: number): Response {
  const [first = '', ...lines] = Buffer.from(head).toString('latin1').split('\r\n');
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  if (length >= 0) headers.set('content-length', String(length));
  const status = Number.parseInt(first.slice(0, 3), 10);
  const mayHaveBody = status !== 204 && status !== 205 && status !== 304;
  return new Response(mayHaveBody ? (body as BodyInit | null) : null, {
    status,
    statusText: first.slice(4),
    headers,
  });
}

function splitUrl(url: string): { https: boolean; authority: string; target: string } {
  const absolute = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(url);
  if (absolute === null) return { https: false, authority: 'localhost', target: url };
  const [, scheme = '', authority = '', rest = ''] = absolute;
  return {
    https: scheme.toLowerCase() === 'https',
    authority,
    target: rest.startsWith('/') ? rest : `/${rest}`,
  };
}

function headerBlock(
  headers: NonNullable<InjectOptions['headers']>,
  authority: string,
  body: Uint8Array | ArrayBuffer | ReadableStream | null,
  method: string,
): string {
  const names = new Set<string>();
  let block = '';
  const add = (name: string, value: string): void => {
    if (/[\0\r\n]/.test(name + value))
      throw new TypeError('a header name or value holds a line break or NUL');
    names.add(name.toLowerCase());
    block += `${name.toLowerCase()}: ${value}\r\n`;
  };
  const entries = Symbol.iterator in headers ? headers : Object.entries(headers);
  for (const [name, value] of entries as Iterable<readonly [string, string | readonly string[]]>) {
    for (const item of typeof value === 'string' ? [value] : value) add(name, item);
  }
  if (!names.has('host')) add('host', authority);
  const isFramed = names.has('content-length') || names.has('transfer-encoding');
  if (body instanceof ReadableStream) {
    if (!isFramed) add('transfer-encoding', 'chunked');
  } else if (!isFramed && (body !== null || /^(?:POST|PUT|PATCH)$/.test(method))) {
    add('content-length', String(body?.byteLength ?? 0));
  }
  return block;
}

/** The 4 or 16 bytes of an address. */
function addressBytes(ip: string): ArrayBuffer {
  if (isIPv4(ip)) return Uint8Array.from(ip.split('.'), Number).buffer;
  if (!isIPv6(ip) || ip.includes('%')) throw new TypeError('inject: ip is not an IP address');
  return ipv6Bytes(ip).buffer as ArrayBuffer;
}

function ipv6Bytes(ip: string): Uint8Array {
  // The URL parser writes every IPv6 form as hexadecimal groups with at most one `::`.
  const text = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const [before = '', after] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

function ignore(): void {}
