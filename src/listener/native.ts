// The listener whose connections the engine owns: JavaScript starts and stops it, and sees no request but those for its handlers.
import { lookup } from 'node:dns/promises';
import type { ListenerOptions } from '../native/calls.ts';
import type { Bridge } from './bridge.ts';
import type { Listener } from './listener.ts';

/** The longest time that the engine is told; a longer one changes nothing before it is over. */
const maxTimeoutMs = 2 ** 31 - 1;

/** How often open connections are counted while the listener drains. */
const COUNT_EVERY_MS = 10;

export interface NativeListenerOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Connections that may wait to be accepted. */
  backlog: number;
  /** Engine threads, or `loop`: inside the event loop of this environment. */
  threads: number | 'loop';
  /** Listening sockets that were taken over, used instead of binding. */
  fds?: readonly number[];
}

/**
 * Starts listening.
 * @throws GatewayError `ERR_FG_ADDRESS_IN_USE` when the port is taken
 */
export async function listenNative(bridge: Bridge, options: NativeListenerOptions): Promise<Listener> {
  const { native } = bridge;
  const { address } = await lookup(options.host);
  const opening: ListenerOptions = {
    host: address,
    port: options.port,
    backlog: options.backlog,
    threads: options.threads === 'loop' ? 0 : options.threads,
    fds: options.fds ?? [],
  };
  const { listener, port } = native.listenerOpen(bridge.core, bridge.engine, JSON.stringify(opening));
  const empty = new EmptyWatch(() => native.listenerConnections(listener) === 0);
  let isAccepting = true;
  let isOpen = true;
  return {
    host: options.host,
    port,
    stopAccepting() {
      if (isAccepting) native.listenerStopAccepting(listener);
      isAccepting = false;
    },
    drain: (timeoutMs, keepIdle) =>
      native.listenerDrain(listener, Math.min(timeoutMs, maxTimeoutMs), keepIdle),
    descriptors: () => native.listenerFds(listener),
    // The engine closes connections that stay idle while it drains: soon, or late when it keeps them.
    quiet: () => empty.wait(),
    empty: () => empty.wait(),
    // Its connections are counted by the core.
    families: () => [],
    close() {
      if (!isOpen) return;
      isOpen = false;
      isAccepting = false;
      empty.end();
      native.listenerClose(listener);
      // Handlers of broken connections hear of it.
      bridge.drain();
    },
  };
}

/**
 * Waits for the last connection to close. A connection that drains closes behind its answer, so none is left when every
 * answer was taken by its client. Counted now and then, because threads close connections without telling JavaScript.
 */
class EmptyWatch {
  readonly #isEmpty: () => boolean;
  #waiting: (() => void)[] = [];
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(isEmpty: () => boolean) {
    this.#isEmpty = isEmpty;
  }

  wait(): Promise<void> {
    if (this.#isEmpty()) return Promise.resolve();
    this.#timer ??= setInterval(() => {
      if (this.#isEmpty()) this.end();
    }, COUNT_EVERY_MS);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
