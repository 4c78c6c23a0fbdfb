// Types of judge.mjs.
export interface Sample {
  /** Seconds since the traffic began. */
  at: number;
  rss: number;
  heap: number;
  external: number;
  descriptors: number;
}
export interface MemoryVerdict {
  what: string;
  second: number;
  last: number;
  growth: number;
  bound: number;
  slope: number;
  flat: boolean;
}
export const JUDGED_FROM: number;
export function judgeMemory(samples: readonly Sample[]): MemoryVerdict[];
/** By `ENDPOINT STATUS`, `unknown` by endpoint. */
type Counts = Readonly<Record<string, number>>;
export function compareCounts(seen: { known: Counts; unknown: Counts }, counted: Counts): string[];
export interface Metric {
  name: string;
  labels: Record<string, string>;
  value: number;
}
export function readMetrics(text: string): Metric[];
export function countsOf(metrics: readonly Metric[]): Record<string, number>;
export function total(metrics: readonly Metric[], wanted: string): number;
