// The memory that the engine shares with JavaScript, with views that are made once for each length; it interprets nothing.
import { WINDOW_BODY, WINDOW_BODY_SIZE, WINDOW_HEAD, WINDOW_SIZE } from '../native/layout.ts';

/** Heads above this get a view of their own for each use. */
const CACHED_HEAD_BYTES = 8192;

/** What the engine wrote is valid until the next call. */
export class Window {
  readonly memory = new ArrayBuffer(WINDOW_SIZE);
  /** The integers, by `META_*`. */
  readonly meta = new Uint32Array(this.memory, 0, WINDOW_HEAD / 4);
  readonly #heads: (Uint8Array | undefined)[] = new Array(CACHED_HEAD_BYTES + 1).fill(undefined);
  readonly #bodies: (Uint8Array | undefined)[] = new Array(WINDOW_BODY_SIZE + 1).fill(undefined);

  /** The first bytes of the head. */
  head(length: number): Uint8Array {
    if (length > CACHED_HEAD_BYTES) return new Uint8Array(this.memory, WINDOW_HEAD, length);
    const view = this.#heads[length] ?? new Uint8Array(this.memory, WINDOW_HEAD, length);
    this.#heads[length] = view;
    return view;
  }

  /** The first bytes of the body. */
  body(length: number): Uint8Array {
    const view = this.#bodies[length] ?? new Uint8Array(this.memory, WINDOW_BODY, length);
    this.#bodies[length] = view;
    return view;
  }
}
