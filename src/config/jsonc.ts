// Reads JSON, with or without comments, to tell where it is wrong; a name twice in one object is an error.

const deepest = 64;
const blank = /[ \t\r\n]*/y;
const comment = /\/\/[^\n]*|\/\*[^*]*(?:\*(?!\/)[^*]*)*\*\//y;
const scalar =
  /"[^"\\]*(?:\\.[^"\\]*)*"|(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.+-])/y;

/** A syntax error and where it is, counted from 1. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly line: number;
  readonly column: number;

  constructor(message: string, text: string, offset: number) {
    super(message);
    const before = text.slice(0, offset).split('\n');
    this.line = before.length;
    this.column = (before.at(-1)?.length ?? 0) + 1;
  }
}

/**
 * The value of `text`; with `comments`, also `//` and block comments and a comma before a closing bracket.
 * @throws JsonSyntaxError
 */
export function parseJson(text: string, comments: boolean): unknown {
  return new Reader(text, comments).whole();
}

class Reader {
  readonly #text: string;
  readonly #comments: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, comments: boolean) {
    this.#text = text;
    this.#comments = comments;
  }

  whole(): unknown {
    this.#space();
    const value = this.#value();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(): unknown {
    if (this.#take('{')) return this.#object();
    if (this.#take('[')) return this.#list();
    return this.#scalar();
  }

  #object(): Record<string, unknown> {
    const members = new Map<string, unknown>();
    this.#items('}', () => {
      const start = this.#at;
      if (this.#text[start] !== '"') throw this.#unexpected();
      const name = String(this.#scalar());
      if (members.has(name)) throw this.#error(`the name ${JSON.stringify(name)} twice`, start);
      if (!this.#take(':')) throw this.#unexpected();
      members.set(name, this.#value());
    });
    return Object.fromEntries(members);
  }

  #list(): unknown[] {
    const values: unknown[] = [];
    this.#items(']', () => values.push(this.#value()));
    return values;
  }

  #items(close: string, item: () => void): void {
    this.#depth += 1;
    if (this.#depth > deepest) throw this.#error(`more than ${deepest} levels`, this.#at);
    for (let isFirst = true; !this.#take(close); isFirst = false) {
      if (!isFirst && !this.#take(',')) throw this.#unexpected();
      if (!isFirst && this.#comments && this.#take(close)) break;
      item();
    }
    this.#depth -= 1;
  }

  #scalar(): unknown {
    const start = this.#at;
    const token = this.#match(scalar);
    if (token === '') throw this.#unexpected();
    this.#space();
    try {
      return JSON.parse(token) as unknown;
    } catch {
      throw this.#error('a string with a bad escape or a control character', start);
    }
  }

  #take(mark: string): boolean {
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    this.#space();
    return true;
  }

  #space(): void {
    this.#match(blank);
    while (this.#text[this.#at] === '/') {
      if (!this.#comments) throw this.#error('"/": only .jsonc files may hold comments', this.#at);
      if (this.#match(comment) === '') throw this.#error('a comment that does not end', this.#at);
      this.#match(blank);
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #unexpected(): JsonSyntaxError {
    const found = this.#text[this.#at];
    return this.#error(found === undefined ? 'the end of the text' : JSON.stringify(found), this.#at);
  }

  #error(message: string, at: number): JsonSyntaxError {
    return new JsonSyntaxError(message, this.#text, at);
  }
}
