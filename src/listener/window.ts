// The memory that the engine shares with JavaScript, with views that are used again for the same length; it interprets nothing.
import { WINDOW_BODY, WINDOW_HEAD, WINDOW_SIZE } from '../native/layout.ts';

/** Views that are kept of each part, by the last bits of their length: 100 KB of them, whatever lengths come. */
const KEPT = 1024;

/** What the engine wrote is valid until the next call. */
export class Window {
  readonly memory = new ArrayBuffer(WINDOW_SIZE);
  /** The integers, by `META_*`. */
  readonly meta = new Uint32Array(this.memory, 0, WINDOW_HEAD / 4);
  readonly #heads = new Views(this.memory, WINDOW_HEAD);
  readonly #bodies = new Views(this.memory, WINDOW_BODY);

  /** The first bytes of the head. */
  head(length: number): Uint8Array {
    return this.#heads.of(length);
  }

  /** The first bytes of the body. */
  body(length: number): Uint8Array {
    return this.#bodies.of(length);
  }
}

class Views {
  readonly #memory: ArrayBuffer;
  readonly #start: number;
  readonly #kept: Uint8Array[];

  constructor(memory: ArrayBuffer, start: number) {
    this.#memory = memory;
    this.#start = start;
    this.#kept = new Array(KEPT).fill(new Uint8Array(memory, start, 0));
  }

  of(length: number): Uint8Array {
    const at = length % KEPT;
    const kept = this.#kept[at] as Uint8Array;
    if (kept.byteLength === length) return kept;
    const view = new Uint8Array(this.#memory, this.#start, length);
    this.#kept[at] = view;
    return view;
  }
}
