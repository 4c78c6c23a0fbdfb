// A hot restart from the view of one instance: takes over from the one before it, then waits for the one after it.
import { loadNative } from '../native/binding.ts';
import { failed } from './conversation.ts';
import { type GiveOptions, give } from './give.ts';
import { checkPlace, Place } from './place.ts';
import type { ListeningSocket } from './sockets.ts';
import { take } from './take.ts';

export interface Takeover {
  /** The listening sockets of the instance that runs; none when there is none. */
  readonly sockets: readonly ListeningSocket[];
  /**
   * This instance serves now: the one before it lets go, and the next one is waited for. `sockets` are those that it will get.
   * @throws GatewayError `ERR_FG_TAKEOVER_FAILED`; then this instance must end
   */
  serving(sockets: () => readonly ListeningSocket[]): Promise<void>;
  /** Fulfilled when the next instance serves. */
  readonly handedOver: Promise<void>;
  /** Waits no more; the file at the path is removed. */
  close(): void;
}

/**
 * Asks the instance at `path`, if there is one, for its sockets.
 * @throws GatewayError `ERR_FG_TAKEOVER_FAILED`
 */
export async function openTakeover(path: string, warn: GiveOptions['warn']): Promise<Takeover> {
  const native = loadNative();
  if (process.platform !== 'linux') throw failed('takeover works on Linux only');
  checkPlace(path);
  const taken = await take(native, path);
  const place = new Place(path);
  let handOver = (): void => {};
  const handedOver = new Promise<void>((resolve) => {
    handOver = resolve;
  });
  let stop = (): void => {};
  const close = (): void => {
    stop();
    place.leave();
    taken?.giveUp();
  };
  return {
    sockets: taken?.sockets ?? [],
    handedOver,
    close,
    async serving(sockets) {
      // Before the other instance lets go: what can fail must fail while that one can still go on.
      stop = give(native, place.temporary, { sockets, taken: handOver, warn });
      await taken?.confirm();
      place.occupy();
    },
  };
}
