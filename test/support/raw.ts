// A client on a bare socket: it sends exactly the bytes it is told and reads answers by RFC 9112, telling a whole body from a broken one.
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface RawAnswer {
  readonly status: number;
  readonly reason: string;
  /** Name in lower case and value, in order, one entry per field. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Values of one field, joined by `, `; undefined without one. */
  header(name: string): string | undefined;
  readonly body: Buffer;
  /** Whether the body came to its end as its framing says; always true for one that the end of the connection ends. */
  readonly complete: boolean;
}

/** How a connection ended: both sides done, or broken. */
export type Ending = 'end' | 'reset';

export class RawClient {
  readonly socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #ending: Ending | null = null;
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
      this.#stir();
    });
    socket.on('end', () => this.#end('end'));
    socket.on('error', () => this.#end('reset'));
    socket.on('close', () => this.#end('end'));
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
      onTestFinished(() => void socket.destroy());
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** A client on a connection that is open; who opened it ends it. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  send(data: string | Uint8Array): this {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    return this;
  }

  /** The next answer, interim ones left out. Fails when the connection ends before a whole head. */
  async answer({ head = false }: { head?: boolean } = {}): Promise<RawAnswer> {
    for (;;) {
      const text = await this.#head();
      const [first = '', ...lines] = text.split('\r\n');
      const [, code = '', reason = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(first) ?? [];
      if (code === '') throw new Error(`not a status line: ${JSON.stringify(first)}`);
      const status = Number(code);
      if (status < 200) continue;
      const fields = lines.map(fieldOf);
      const values = (name: string): string[] => fields.filter((f) => f[0] === name).map((f) => f[1]);
      const header = (name: string): string | undefined =>
        values(name).length === 0 ? undefined : values(name).join(', ');
      const { body, complete } = await this.#body(status, head, header);
      return { status, reason, fields, header, body, complete };
    }
  }

  /** Resolves when the other side is done or broke the connection; bytes that nobody asked for are given with it. */
  async ended(): Promise<{ how: Ending; rest: Buffer }> {
    while (this.#ending === null) await this.#more();
    return { how: this.#ending, rest: this.#bytes };
  }

  /** Breaks the connection with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async #head(): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end >= 0)
        return this.#take(end + 4)
          .subarray(0, end)
          .toString('latin1');
      if (this.#ending !== null) throw new Error(`the connection ended (${this.#ending}) before a head`);
      await this.#more();
    }
  }

  async #body(
    status: number,
    head: boolean,
    header: (name: string) => string | undefined,
  ): Promise<{ body: Buffer; complete: boolean }> {
    if (head || status === 204 || status === 304) return { body: Buffer.alloc(0), complete: true };
    if (header('transfer-encoding') === 'chunked') return this.#chunked();
    const length = header('content-length');
    if (length !== undefined) return this.#sized(Number(length));
    const { how } = await this.ended();
    return { body: this.#take(this.#bytes.length), complete: how === 'end' };
  }

  async #sized(length: number): Promise<{ body: Buffer; complete: boolean }> {
    while (this.#bytes.length < length && this.#ending === null) await this.#more();
    const complete = this.#bytes.length >= length;
    return { body: this.#take(Math.min(length, this.#bytes.length)), complete };
  }

  async #chunked(): Promise<{ body: Buffer; complete: boolean }> {
    const pieces: Buffer[] = [];
    for (;;) {
      const end = this.#bytes.indexOf('\r\n');
      if (end >= 0) {
        const size = Number.parseInt(this.#bytes.subarray(0, end).toString('latin1'), 16);
        if (!Number.isSafeInteger(size)) throw new Error('not a chunk size');
        if (this.#bytes.length >= end + 2 + size + 2) {
          this.#take(end + 2);
          pieces.push(this.#take(size));
          this.#take(2);
          if (size === 0) return { body: Buffer.concat(pieces), complete: true };
          continue;
        }
      }
      if (this.#ending !== null) return { body: Buffer.concat(pieces), complete: false };
      await this.#more();
    }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #end(how: Ending): void {
    this.#ending ??= how;
    this.#stir();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** Sends one request on a connection of its own and reads its answer. */
export async function rawRequest(
  port: number,
  request: string | Uint8Array,
  options: { head?: boolean } = {},
): Promise<RawAnswer> {
  const client = await RawClient.connect(port);
  const answer = await client.send(request).answer(options);
  client.socket.destroy();
  return answer;
}

/** A request as text: `lines` are whole header lines, `Host` first unless they hold one. */
export function requestText(
  method: string,
  target: string,
  lines: readonly string[] = [],
  body = '',
): string {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: gateway.test'];
  return `${method} ${target} HTTP/1.1\r\n${[...host, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  if (colon <= 0) throw new Error(`not a header line: ${JSON.stringify(line)}`);
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
