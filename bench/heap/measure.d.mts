// Types of measure.mjs; all figures are bytes a request.
export interface HeapFigures {
  /** A bare uWebSockets.js handler that reads the same facts. */
  reading: number;
  /** A forwarded request with every policy on. */
  forward: number;
  /** Of the heap after forced collections, from the second window to the last. */
  growth: number;
  requests: number;
}
/** `threads` and `loop` are the native listener's drives. */
export type HeapListener = 'uws' | 'threads' | 'loop';
export const listeners: Readonly<Record<HeapListener, object>>;
/** The gateway listens by `listener`, default `uws`. */
export function measureHeap(requests: number, listener?: HeapListener): Promise<HeapFigures>;
