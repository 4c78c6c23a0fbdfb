// Request headers as a handler reads them; it changes nothing and judges no name or value.

/** The headers of a request, in the order received. Names are in lower case. */
export class RequestHeaders implements Iterable<[name: string, value: string]> {
  readonly #values = new Map<string, string>();

  /** `block` holds `name: value` lines, each ended by CRLF. */
  constructor(block: string) {
    for (let start = 0; start < block.length; ) {
      let end = block.indexOf('\r\n', start);
      if (end < 0) end = block.length;
      const colon = block.indexOf(':', start);
      if (colon > start && colon < end)
        this.#add(block.slice(start, colon), block.slice(colon + 1, end).trim());
      start = end + 2;
    }
  }

  #add(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.#values.get(key);
    this.#values.set(
      key,
      before === undefined ? value : `${before}${key === 'cookie' ? '; ' : ', '}${value}`,
    );
  }

  /** The value, several fields of one name joined by `, ` (RFC 9110 section 5.3); null when there is none. */
  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  entries(): IterableIterator<[name: string, value: string]> {
    return this.#values.entries();
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.#values.entries();
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }
}
