// The counting upstream: a bare TCP server that keeps every byte it receives and reads requests by the strictest rules.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { originAnswer } from './origin-answers.ts';

/** A request as it reached the upstream. */
export interface Reached {
  /** Method and target. */
  readonly line: string;
  /** Names as received, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Latin-1. */
  body: string;
  /** The whole request came. */
  complete: boolean;
  /** The connection ended. */
  ended: boolean;
  /** What no well-formed request of ours may show. */
  readonly faults: string[];
}

export interface Origin {
  readonly url: string;
  /** Everything since the last `clear`, in the order of arrival. */
  readonly reached: readonly Reached[];
  /** Bytes received since the start, over all connections. */
  readonly bytes: number;
  clear(): void;
  close(): Promise<void>;
}

export async function startOrigin(): Promise<Origin> {
  let reached: Reached[] = [];
  let bytes = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    const connection = new Connection(socket, (request) => reached.push(request));
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      connection.receive(chunk.toString('latin1'));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      connection.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get reached() {
      return reached;
    },
    get bytes() {
      return bytes;
    },
    clear() {
      reached = [];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

class Connection {
  readonly #socket: Socket;
  readonly #report: (request: Reached) => void;
  #text = '';
  #current: Reached | null = null;
  #length: number | 'chunked' = 0;

  constructor(socket: Socket, report: (request: Reached) => void) {
    this.#socket = socket;
    this.#report = report;
  }

  receive(text: string): void {
    this.#text += text;
    for (;;) {
      if (this.#current === null && !this.#head()) return;
      if (!this.#body()) return;
      const request = this.#current as unknown as Reached;
      request.complete = true;
      this.#current = null;
      originAnswer(this.#socket, request, true);
    }
  }

  end(): void {
    if (this.#current !== null) this.#current.ended = true;
    else if (this.#text !== '')
      this.#report({
        line: '',
        fields: [],
        body: this.#text,
        complete: false,
        ended: true,
        faults: ['bytes that are no request head'],
      });
  }

  #head(): boolean {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [first = '', ...lines] = this.#text.slice(0, end).split('\r\n');
    this.#text = this.#text.slice(end + 4);
    const request: Reached = {
      line: first.replace(/ HTTP\/1\.1$/, ''),
      fields: lines.map(fieldOf),
      body: '',
      complete: false,
      ended: false,
      faults: faultsOf(first, lines),
    };
    this.#length = framingOf(request);
    this.#current = request;
    this.#report(request);
    originAnswer(this.#socket, request, false);
    return true;
  }

  /** Takes what there is of the body; true when that is all of it. */
  #body(): boolean {
    const request = this.#current as Reached;
    if (this.#length === 'chunked') return this.#chunks(request);
    const taken = this.#text.slice(0, this.#length);
    this.#text = this.#text.slice(taken.length);
    this.#length -= taken.length;
    request.body += taken;
    return this.#length === 0;
  }

  #chunks(request: Reached): boolean {
    for (;;) {
      const line = /^([0-9a-f]{1,8})\r\n/i.exec(this.#text);
      if (line === null) {
        if (this.#text.length > 10) request.faults.push('a chunk size outside the grammar');
        return false;
      }
      const start = line[0].length;
      const size = Number.parseInt(line[1] as string, 16);
      if (this.#text.length < start + size + 2) return false;
      if (this.#text.slice(start + size, start + size + 2) !== '\r\n')
        request.faults.push('a chunk that does not end in CRLF');
      request.body += this.#text.slice(start, start + size);
      this.#text = this.#text.slice(start + size + 2);
      if (size === 0) return true;
    }
  }
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  // Not `trim`, which takes more than RFC 9110 section 5.6.3 calls white space.
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
}

function framingOf({ fields, faults }: Reached): number | 'chunked' {
  const values = (name: string): string[] =>
    fields.filter((field) => field[0].toLowerCase() === name).map((field) => field[1]);
  const lengths = values('content-length');
  const encodings = values('transfer-encoding');
  if (lengths.length + encodings.length > 1) faults.push('more than one framing field');
  if (encodings.length > 0 && encodings[0] !== 'chunked') faults.push('a transfer coding other than chunked');
  if (lengths.length > 0 && !/^\d+$/.test(lengths[0] as string)) faults.push('a length that is not digits');
  return encodings.length > 0 ? 'chunked' : Number(lengths[0] ?? 0);
}

/** Fields that end at the gateway (RFC 9110 section 7.6.1), and those that it takes as its own. */
const forbidden =
  /^(?:connection|keep[-_]alive|proxy[-_].+|te|trailer|upgrade|expect|http2-settings|forwarded|content_length|transfer_encoding|x_forwarded_.+)$/i;

function faultsOf(first: string, lines: readonly string[]): string[] {
  const faults: string[] = [];
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+ (?:\/[!-"$-~]*|\*) HTTP\/1\.1$/.test(first))
    faults.push('a malformed request line');
  for (const line of lines) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[^\0-\x08\n-\x1f\x7f]*$/.test(line))
      faults.push('a malformed field line');
    const name = fieldOf(line)[0];
    if (forbidden.test(name)) faults.push(`the field ${name}`);
  }
  const counted = (name: string): number =>
    lines.filter((line) => fieldOf(line)[0].toLowerCase() === name).length;
  for (const name of ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'traceparent'])
    if (counted(name) !== 1) faults.push(`${counted(name)} fields ${name}`);
  return faults;
}
