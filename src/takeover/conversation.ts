// The lines that two instances say to each other: one JSON object each, with a version; descriptors travel beside them.
import { Socket } from 'node:net';
import { GatewayError } from '../errors.ts';

/** Raised when an older instance would misread a line. */
const VERSION = 1;
/** Also the bound of the native side. */
const MAX_LINE = 16 * 1024;

export function failed(message: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_FG_TAKEOVER_FAILED', message, cause === undefined ? {} : { cause });
}

/** One line, with its end. */
export function lineOf(message: object): string {
  return `${JSON.stringify({ ferrogate: VERSION, ...message })}\n`;
}

/** Throws `ERR_FG_TAKEOVER_FAILED` for anything but one message of this version, and for one that tells an error. */
export function messageOf(line: string): Readonly<Record<string, unknown>> {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch (cause) {
    throw failed('the other instance says something that is no JSON', cause);
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw failed('the other instance says something that is no message');
  }
  const { ferrogate, error } = message as Record<string, unknown>;
  if (ferrogate !== VERSION) {
    const theirs = typeof ferrogate === 'number' ? `version ${ferrogate}` : 'no version';
    throw failed(`the other instance speaks ${theirs} of the takeover, this one version ${VERSION}`);
  }
  if (error !== undefined) throw failed(`the other instance refuses: ${String(error)}`);
  return message as Record<string, unknown>;
}

/** A connection to the other instance. */
export class Conversation {
  /** Valid while `isOpen`. */
  readonly fd: number;
  readonly #socket: Socket;
  #text = '';
  #isOver = false;
  #wake: () => void = () => {};

  /** Takes a connected local socket, which is closed with the conversation. */
  constructor(fd: number) {
    this.fd = fd;
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => {
      this.#text += text;
      if (this.#text.length > MAX_LINE) this.close();
      this.#wake();
    });
    for (const event of ['end', 'error', 'close'] as const) this.#socket.on(event, () => this.#end());
  }

  get isOpen(): boolean {
    return !this.#isOver;
  }

  /** The next message. Throws `ERR_FG_TAKEOVER_FAILED` when it is none, does not come in time or the other side goes. */
  async next(timeoutMs: number): Promise<Readonly<Record<string, unknown>>> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, timeoutMs);
    try {
      while (!this.#text.includes('\n')) {
        if (isLate) throw failed(`the other instance says nothing for ${timeoutMs / 1000} s`);
        if (this.#isOver) throw failed('the other instance went away');
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
    const end = this.#text.indexOf('\n') + 1;
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    return messageOf(line);
  }

  say(message: object): void {
    if (this.isOpen) this.#socket.write(lineOf(message));
  }

  /** Says a last thing. */
  end(message: object): void {
    if (this.isOpen) this.#socket.end(lineOf(message));
  }

  /** What was said goes out first. */
  close(): void {
    this.#end();
    this.#socket.destroySoon();
  }

  #end(): void {
    this.#isOver = true;
    this.#wake();
  }
}
