// Turns signals into a graceful end, a forced end and reloads; it knows nothing of gateways.
import { constants } from 'node:os';
import type { Environment } from './environment.ts';

export interface SignalActions {
  /** Drains and closes; called once. `handedOver`: not a signal ended it, but `handedOver`. */
  stop(handedOver: boolean): Promise<unknown>;
  /** Never rejects. Calls do not overlap: signals during one make one more. */
  reload(): Promise<void>;
  /** Ends like a signal when it is fulfilled. */
  readonly handedOver?: Promise<void> | undefined;
}

const endings = ['SIGTERM', 'SIGINT'] as const;

/** Resolves after the first SIGTERM or SIGINT once `stop` is done; a second one ends the process with 128 + its number. */
export async function untilSignalled(
  { signals, exit }: Pick<Environment, 'signals' | 'exit'>,
  { stop, reload, handedOver }: SignalActions,
): Promise<void> {
  let reloading = false;
  let again = false;
  const onReload = async (): Promise<void> => {
    again = true;
    if (reloading) return;
    reloading = true;
    while (again) {
      again = false;
      await reload();
    }
    reloading = false;
  };
  const hangUp = (): void => void onReload();
  let end = (_handedOver: boolean): void => {};
  const first = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  void handedOver?.then(() => end(true));
  let ending = false;
  const onEnd = (signal: (typeof endings)[number]): void => {
    if (ending) exit(128 + constants.signals[signal]);
    ending = true;
    end(false);
  };
  for (const signal of endings) signals.on(signal, onEnd);
  signals.on('SIGHUP', hangUp);
  try {
    await stop(await first);
  } finally {
    for (const signal of endings) signals.off(signal, onEnd);
    signals.off('SIGHUP', hangUp);
  }
}
