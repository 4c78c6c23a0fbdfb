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
export function measureHeap(requests: number): Promise<HeapFigures>;
