// The client of a case: it writes the bytes of the case, keeps what comes back, and reads it as strictly as a client can.
import { connect, type Socket } from 'node:net';
import { ANSWER } from './case.ts';

/** An answer as it was read. */
export interface Answer {
  readonly status: number;
  /** Names as received, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Latin-1, without chunk framing. */
  readonly body: string;
  /** The body came to the end that its framing announced. */
  readonly complete: boolean;
  /** Interim answers (1xx) before it. */
  readonly interim: number;
}

type Body = Pick<Answer, 'body' | 'complete'>;

/** How long a client waits for what it expects: longer than `headerTimeout` of the gateways, shorter than uWebSockets.js waits. */
const PATIENCE_MS = 6000;

export class Wire {
  readonly #socket: Socket;
  #text = '';
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
    const close = (): void => {
      this.#isClosed = true;
      this.#wake();
    };
    socket.on('end', close).on('error', close).on('close', close);
  }

  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      const wire = new Wire(socket);
      socket.once('connect', () => resolve(wire)).once('error', reject);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What was received and not read yet. */
  get rest(): string {
    return this.#text;
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Resolves when the kernel has the bytes. */
  write(piece: string): Promise<void> {
    return new Promise((resolve) => this.#socket.write(Buffer.from(piece, 'latin1'), () => resolve()));
  }

  /** Writes each piece in a segment of its own. */
  async send(pieces: readonly string[], ends = false): Promise<void> {
    for (const [at, piece] of pieces.entries()) {
      if (piece === ANSWER) {
        await this.#until(() => this.#text !== '');
        continue;
      }
      if (at > 0) await pause(10);
      if (this.#socket.writable) this.#socket.write(Buffer.from(piece, 'latin1'));
    }
    if (ends) this.#socket.end();
  }

  /** The next final answer, or null when the connection ends before one begins; throws after `PATIENCE_MS`. */
  async answer(head = false): Promise<Answer | null> {
    for (let interim = 0; ; interim += 1) {
      const found = await this.#until(() => this.#text.includes('\r\n\r\n'));
      if (!found) return null;
      const end = this.#text.indexOf('\r\n\r\n');
      const [first = '', ...lines] = this.#text.slice(0, end).split('\r\n');
      this.#text = this.#text.slice(end + 4);
      const status = statusOf(first);
      if (status < 200) continue;
      const fields = lines.map(fieldOf);
      return { status, fields, interim, ...(await this.#body(status, fields, head)) };
    }
  }

  /** Waits for the end of the connection; false when it does not come within `ms`. */
  async closed(ms = PATIENCE_MS): Promise<boolean> {
    await this.#until(() => false, ms).catch(() => {});
    return this.#isClosed;
  }

  /** By reset, so that no connection lingers in the kernel, however many were made. */
  destroy(): void {
    this.#socket.resetAndDestroy();
  }

  async #body(status: number, fields: Answer['fields'], head: boolean): Promise<Body> {
    if (head || status === 204 || status === 304) return { body: '', complete: true };
    const value = (name: string): string | undefined => fields.find((f) => f[0].toLowerCase() === name)?.[1];
    if (value('transfer-encoding') !== undefined) return this.#chunks();
    const announced = value('content-length');
    const length = announced === undefined ? Number.POSITIVE_INFINITY : Number(announced);
    await this.#until(() => this.#text.length >= length);
    const body = this.#text.slice(0, length);
    this.#text = this.#text.slice(body.length);
    return { body, complete: announced === undefined || body.length === length };
  }

  async #chunks(): Promise<Body> {
    let body = '';
    for (;;) {
      if (!(await this.#until(() => this.#text.includes('\r\n')))) return { body, complete: false };
      const size = /^([0-9a-f]{1,8})\r\n/i.exec(this.#text);
      if (size === null) throw new Error('a chunk size outside the grammar');
      const start = size[0].length;
      const end = start + Number.parseInt(size[1] as string, 16);
      if (!(await this.#until(() => this.#text.length >= end + 2))) {
        this.#text = '';
        return { body, complete: false };
      }
      body += this.#text.slice(start, end);
      this.#text = this.#text.slice(end + 2);
      if (end === start) return { body, complete: true };
    }
  }

  /** Waits until `check` holds; false when the connection ended before. */
  async #until(check: () => boolean, ms = PATIENCE_MS): Promise<boolean> {
    const end = performance.now() + ms;
    while (!check()) {
      if (this.#isClosed) return false;
      const left = end - performance.now();
      if (left <= 0)
        throw new Error(`nothing more came; unread: ${JSON.stringify(this.#text.slice(0, 300))}`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
    return true;
  }
}

function statusOf(line: string): number {
  const found = /^HTTP\/1\.1 (\d{3}) [\t -~]*$/.exec(line);
  if (found === null) throw new Error(`not a status line: ${JSON.stringify(line.slice(0, 200))}`);
  return Number(found[1]);
}

function fieldOf(line: string): readonly [string, string] {
  const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/.exec(line);
  if (found === null) throw new Error(`not a field line: ${JSON.stringify(line.slice(0, 200))}`);
  return [found[1] as string, found[2] as string];
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
