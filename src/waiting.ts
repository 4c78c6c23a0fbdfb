// Waiting with an end; what is waited for goes on when the time is over.
import { setTimeout } from 'node:timers/promises';

/** Waits for `done`, but not longer. */
export async function atMost(timeoutMs: number, done: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const timeout = setTimeout(timeoutMs, undefined, { signal: settled.signal }).catch(() => {});
  await Promise.race([done, timeout]);
  settled.abort();
}
