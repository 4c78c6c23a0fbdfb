// Measures what the overload guard looks at: how late the event loop is, and how much memory the process has. What follows from that the data plane decides.
import { totalmem } from 'node:os';
import type { OverloadSteps } from '../native/calls.ts';

/** How often it is measured. */
const SAMPLE_MS = 250;
/** The step in which connections are left waiting. */
const STOP = 3;
/** The step in which new requests are refused. */
const REFUSE = 2;

export interface LoadWatchOptions {
  /** Tells what was measured: milliseconds, bytes used, bytes there; the last two are 0 without `memory`. */
  readonly look: (lateMs: number, usedBytes: number, thereBytes: number) => OverloadSteps;
  /** Whether memory is measured too; one environment of a process is enough. */
  readonly memory: boolean;
  /** Whether connections are to be left waiting, as far as this environment accepts them; said after every look. */
  readonly stops?: (yes: boolean) => void;
}

export interface LoadWatch {
  /** Whether new requests are refused; those that need the event loop among them with `needLoop`. */
  refuses(needLoop: boolean): boolean;
  close(): void;
}

/** Measures until it is closed. It keeps the process alive only while connections wait to be taken again. */
export function watchLoad({ look, memory, stops = () => {} }: LoadWatchOptions): LoadWatch {
  const there = memory ? memoryThere() : 0;
  let steps: OverloadSteps = { shared: 0, own: 0 };
  let due = performance.now() + SAMPLE_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    steps = look(Math.max(0, now - due), memory ? process.memoryUsage.rss() : 0, there);
    due = now + SAMPLE_MS;
    const isStopped = Math.max(steps.shared, steps.own) >= STOP;
    if (isStopped) timer.ref();
    else timer.unref();
    stops(isStopped);
  }, SAMPLE_MS);
  timer.unref();
  return {
    refuses: (needLoop) => Math.max(steps.shared, needLoop ? steps.own : 0) >= REFUSE,
    close: () => clearInterval(timer),
  };
}

/** What the container allows, or else what the machine has. */
function memoryThere(): number {
  const [allowed, total] = [process.constrainedMemory(), totalmem()];
  return allowed > 0 && allowed < total ? allowed : total;
}
