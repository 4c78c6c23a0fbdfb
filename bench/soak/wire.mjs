// A client's connection: it sends exactly the bytes that it is told, and reads answers by the strictest rules.
import { connect } from 'node:net';

/** Longest silence that is put down to a busy machine. */
const PATIENCE_MS = 60_000;
/** Bytes kept for the report of what went wrong. */
const LAST_BYTES = 200;

/** An answer that no rule allows. */
export class Wrong extends Error {}

/** A connection that ended where nothing allows it. */
export class Broken extends Error {
  constructor(how, message) {
    super(`${how === 'reset' ? 'reset' : 'closed'}: ${message}`);
    this.how = how;
  }
}

export class Wire {
  #socket;
  #bytes = Buffer.alloc(0);
  #ending = null;
  #wake = () => {};
  #last = '';
  /** When the last answer was complete, in milliseconds of `performance.now()`. */
  idleSince = performance.now();

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
      this.#last = (this.#last + chunk.subarray(-LAST_BYTES).toString('latin1')).slice(-LAST_BYTES);
      this.#wake();
    });
    const end = (how) => () => {
      this.#ending ??= how;
      this.#wake();
    };
    socket.on('end', end('end')).on('error', end('reset')).on('close', end('end'));
  }

  /** `from`: the client's own address. */
  static open(port, from) {
    return new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true };
      const socket = connect(from === undefined ? options : { ...options, localAddress: from });
      const failed = (error) => reject(new Broken('reset', `not connected: ${error.code}`));
      socket.once('error', failed).once('connect', () => {
        socket.off('error', failed);
        resolve(new Wire(socket));
      });
    });
  }

  /** How the connection ended, `end` or `reset`; null while it is open. */
  get ending() {
    return this.#ending;
  }

  /** Bytes that came and were not read. */
  get unread() {
    return this.#bytes.length;
  }

  /** The end of what was received, for a report. */
  get lastBytes() {
    return this.#last;
  }

  send(data) {
    if (this.#socket.writable)
      this.#socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    return this;
  }

  /** Stops reading, so that the other side cannot send. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  /** Ends the client's side. */
  finish() {
    this.#socket.end();
  }

  close() {
    this.#socket.end();
    this.#socket.destroy();
  }

  /** Breaks the connection. Node.js leaves it open and reads on when its own side is just being ended. */
  reset() {
    if (this.#socket.writable) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  /**
   * The next final answer. `head`: the request was HEAD; `old`: it was HTTP/1.0, so a body may end with the connection.
   * A body that breaks off is told by `complete: false`. Throws `Broken` without a whole head, `Wrong` outside the grammar.
   */
  async answer({ head = false, old = false } = {}) {
    for (let interim = 0; ; interim += 1) {
      const { status, fields } = headOf(await this.#head());
      if (status >= 100 && status < 200 && status !== 101) continue;
      const values = (name) => fields.filter((field) => field[0] === name).map((field) => field[1]);
      const header = (name) => (values(name).length === 0 ? undefined : values(name).join(', '));
      const answer = { status, header, interim, body: Buffer.alloc(0), complete: true };
      answer.closes = /(?:^|,)\s*close\s*(?:$|,)/i.test(header('connection') ?? '');
      if (status !== 101) Object.assign(answer, await this.#body({ status, head, old, values, answer }));
      this.idleSince = performance.now();
      return answer;
    }
  }

  /** Resolves with how the connection ended; reads away what still comes. `Wrong` when it stays open for `ms`. */
  async ended(ms = PATIENCE_MS) {
    const end = performance.now() + ms;
    while (this.#ending === null) {
      this.#bytes = Buffer.alloc(0);
      await this.#more(end, 'the end of the connection');
    }
    return this.#ending;
  }

  /** Resolves when `count` bytes more than were read have come, or the connection ended. */
  async received(count = 1) {
    const end = performance.now() + PATIENCE_MS;
    while (this.#bytes.length < count && this.#ending === null) await this.#more(end, `${count} bytes`);
  }

  async #head() {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const at = this.#bytes.indexOf('\r\n\r\n');
      if (at >= 0) return this.#take(at + 4).toString('latin1', 0, at);
      if (this.#ending !== null)
        throw new Broken(this.#ending, `before a whole head, after ${this.#bytes.length} bytes of it`);
      await this.#more(end, 'an answer');
    }
  }

  async #body({ status, head, old, values, answer }) {
    const [lengths, codings] = [values('content-length'), values('transfer-encoding')];
    if (lengths.length + codings.length > 1) throw new Wrong('an answer that is framed twice');
    if (status === 204 && lengths.length + codings.length > 0) throw new Wrong('a framing field in a 204');
    if (head || status === 204 || status === 304) return {};
    if (codings.length === 1) {
      if (codings[0] !== 'chunked' || old) throw new Wrong(`Transfer-Encoding: ${codings[0]}`);
      return this.#chunks();
    }
    if (lengths.length === 1) {
      if (!/^\d{1,15}$/.test(lengths[0])) throw new Wrong(`Content-Length: ${lengths[0]}`);
      return this.#sized(Number(lengths[0]));
    }
    if (!old || !answer.closes) throw new Wrong('an answer without framing on a connection that stays');
    return this.#rest();
  }

  async #sized(length) {
    await this.received(length);
    const complete = this.#bytes.length >= length;
    return { body: this.#take(Math.min(length, this.#bytes.length)), complete };
  }

  async #rest() {
    await this.received(Number.POSITIVE_INFINITY);
    return { body: this.#take(this.#bytes.length), complete: this.#ending === 'end' };
  }

  async #chunks() {
    const pieces = [];
    for (;;) {
      const line = await this.#line();
      if (line === null) return { body: Buffer.concat(pieces), complete: false };
      if (!/^[0-9a-f]{1,8}$/i.test(line)) throw new Wrong(`not a chunk size: ${JSON.stringify(line)}`);
      const size = Number.parseInt(line, 16);
      await this.received(size + 2);
      if (this.#bytes.length < size + 2) return { body: Buffer.concat(pieces), complete: false };
      pieces.push(this.#take(size));
      if (this.#take(2).toString('latin1') !== '\r\n') throw new Wrong('a chunk longer than its size');
      if (size === 0) return { body: Buffer.concat(pieces), complete: true };
    }
  }

  /** A line without its end; null when the connection ends before it. */
  async #line() {
    for (let seen = 0; ; seen = this.#bytes.length) {
      const at = this.#bytes.indexOf('\r\n');
      if (at >= 0) return this.#take(at + 2).toString('latin1', 0, at);
      if (seen > 100) throw new Wrong('a chunk size without an end');
      await this.received(seen + 1);
      if (this.#ending !== null && this.#bytes.indexOf('\r\n') < 0) return null;
    }
  }

  #take(count) {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  async #more(end, what) {
    const left = end - performance.now();
    if (left <= 0) throw new Wrong(`waited in vain for ${what}`);
    let timer;
    await new Promise((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, left);
    });
    clearTimeout(timer);
  }
}

function headOf(text) {
  const [first, ...lines] = text.split('\r\n');
  const found = /^HTTP\/1\.1 (\d{3}) [\t -~]*$/.exec(first);
  if (found === null) throw new Wrong(`not a status line: ${JSON.stringify(first.slice(0, 100))}`);
  const fields = lines.map((line) => {
    const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/.exec(line);
    if (parts === null) throw new Wrong(`not a field line: ${JSON.stringify(line.slice(0, 100))}`);
    return [parts[1].toLowerCase(), parts[2]];
  });
  return { status: Number(found[1]), fields };
}
