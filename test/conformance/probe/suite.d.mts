// Types of suite.mjs.
export type Level = 'Must' | 'Should' | 'May' | 'NotApplicable';
export type Verdict = 'pass' | 'warn' | 'fail';
export interface ProbeCase {
  readonly id: string;
  /** What it sends. */
  readonly about: string;
  readonly clause: string | null;
  readonly level: Level;
  readonly scored: boolean;
  /** Latin-1; `@HOST@` stands for host and port. */
  readonly payload: string;
  /** Lines of rules.mjs. */
  readonly rule: readonly string[];
}
export interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}
export interface Seen {
  readonly interim: readonly number[];
  readonly answer: Answer | null;
  readonly others: readonly number[];
  /** Bytes came, but no head of an answer. */
  readonly isBare: boolean;
  readonly isClosed: boolean;
}
export interface Result {
  readonly id: string;
  readonly level: Level;
  readonly scored: boolean;
  readonly verdict: Verdict;
  /** In words. */
  readonly seen: string;
  /** No answer of the origin came. */
  readonly isRefused: boolean;
  /** Whole requests that the origin got. */
  readonly reached: readonly string[];
  /** Requests that broke off. */
  readonly parts: readonly string[];
}
export interface Score {
  readonly must: number;
  readonly musts: number;
  readonly scored: number;
  readonly scoreds: number;
  readonly leaked: readonly string[];
  readonly doubled: readonly string[];
}
export interface ProbeOrigin {
  readonly port: number;
  readonly reached: readonly {
    readonly line: string;
    readonly isWhole: boolean;
    readonly isEnded: boolean;
  }[];
  close(): Promise<void>;
}
export const cases: readonly ProbeCase[];
export function startOrigin(): Promise<ProbeOrigin>;
export function judge(rule: readonly string[], seen: Seen): Verdict;
export function runProbe(target: {
  port: number;
  origin: ProbeOrigin;
}): Promise<{ results: readonly Result[]; strays: readonly string[] }>;
export function score(results: readonly Result[]): Score;
export function hasLeaked(result: Result): boolean;
