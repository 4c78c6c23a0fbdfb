// Header lines of a handler's answer; what it lets through is checked again behind the boundary.

const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// A value must not end its line: the rest of the grammar is the data plane's to judge.
const badValue = /[\0\r\n]/;

/** What the gateway writes itself, and so leaves out of a `Response`. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

// Whole strings: one that is put together per answer would be copied once more on its way across the boundary.
const typeLines: Readonly<Record<string, string>> = {
  'text/plain; charset=utf-8': 'Content-Type: text/plain; charset=utf-8\r\n',
  'application/json': 'Content-Type: application/json\r\n',
  'application/octet-stream': 'Content-Type: application/octet-stream\r\n',
};

/** The one line of an answer whose handler set none. */
export function typeLine(contentType: string | null): string {
  if (contentType === null) return '';
  return typeLines[contentType] ?? `Content-Type: ${contentType}\r\n`;
}

/** Headers in the order set, one value per name but for `set-cookie`. */
export class AnswerLines {
  #entries: [name: string, lower: string, value: string][] | null = null;

  set(name: string, value: string): void {
    const text = String(value);
    if (!namePattern.test(name)) throw new TypeError('a header name is a token (RFC 9110 section 5.1)');
    if (badValue.test(text)) throw new TypeError(`the value of header ${name} holds a line break or NUL`);
    const lower = name.toLowerCase();
    this.#entries ??= [];
    const before = lower === 'set-cookie' ? undefined : this.#entries.find((entry) => entry[1] === lower);
    if (before === undefined) this.#entries.push([name, lower, text]);
    else before[2] = text;
  }

  /** The lines, each ended by CRLF, with `contentType` unless one was set. */
  text(contentType: string | null): string {
    if (this.#entries === null) return typeLine(contentType);
    let lines = '';
    let typed = contentType === null;
    for (const [name, lower, value] of this.#entries) {
      lines += `${name}: ${value}\r\n`;
      typed ||= lower === 'content-type';
    }
    return typed ? lines : lines + typeLine(contentType);
  }

  /** Takes the headers of a web `Response`. */
  setAll(headers: Headers): void {
    for (const [name, value] of headers) if (!dropped.has(name)) this.set(name, value);
  }
}
