// One uWebSockets.js app per client address, so that a request knows its peer without asking for it each time (1.7 µs); it reads no request.
import type { MetricFamily, PeerAddress } from '../native/calls.ts';
import type { UwsApp } from './uws-library.ts';

/** Client addresses that get an app of their own at the same time, 20 KB each; further ones share one that asks per request. */
const MAX_PEERS = 256;

/** The client address of an app's connections. */
export interface Peer {
  /** Null: unknown, ask the response. */
  address: PeerAddress | null;
}

interface PeerApp extends Peer {
  text: string;
  app: UwsApp;
  open: number;
}

/** Makes an app whose requests come from `peer`. */
export type MakeApp = (peer: Peer) => UwsApp;

/** All apps of a listener. */
export class UwsApps {
  readonly #make: MakeApp;
  readonly #shared: UwsApp;
  readonly #byText = new Map<string, PeerApp>();
  /** Without connections: the next new address takes one over. */
  readonly #free: PeerApp[] = [];
  #made = 0;
  #opened = 0;
  #closed = 0;
  #onEmpty: (() => void) | null = null;

  constructor(make: MakeApp) {
    this.#make = make;
    this.#shared = this.#counted(make({ address: null }), null);
  }

  /** The app that asks each response for its peer. */
  get shared(): UwsApp {
    return this.#shared;
  }

  /** Gives an accepted connection to the app of its address; the descriptor is the library's from then on. */
  adopt(fd: number, text: string, address: PeerAddress): void {
    const app = this.#byText.get(text) ?? this.#take(text, address);
    (app?.app ?? this.#shared).adoptSocket?.(fd);
  }

  /** Closes every connection. */
  close(): void {
    this.#shared.close();
    for (const { app } of [...this.#byText.values(), ...this.#free]) app.close();
  }

  /** Resolves when no connection is open. */
  empty(): Promise<void> {
    if (this.#opened === this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  families(): MetricFamily[] {
    const total = 'Client connections accepted.';
    const open = 'Client connections that are open now.';
    const sample = (value: number) => [{ labels: {}, value }];
    return [
      { name: 'ferrogate_connections_total', help: total, type: 'counter', samples: sample(this.#opened) },
      {
        name: 'ferrogate_connections_open',
        help: open,
        type: 'gauge',
        samples: sample(this.#opened - this.#closed),
      },
    ];
  }

  #take(text: string, address: PeerAddress): PeerApp | null {
    let peer = this.#free.pop();
    if (peer === undefined) {
      if (this.#made === MAX_PEERS) return null;
      this.#made += 1;
      peer = { text, address, open: 0, app: this.#shared };
      peer.app = this.#counted(this.#make(peer), peer);
    }
    peer.text = text;
    peer.address = address;
    this.#byText.set(text, peer);
    return peer;
  }

  /** The library tells of connections as such, not which request came over which. */
  #counted(app: UwsApp, peer: PeerApp | null): UwsApp {
    // biome-ignore lint/suspicious/useIterableCallbackReturn: this is no array; the library ignores what is returned
    app.filter?.((_res, change) => {
      if (change > 0) this.#opened += 1;
      else this.#closed += 1;
      if (this.#opened === this.#closed) this.#onEmpty?.();
      if (peer !== null) this.#count(peer, change);
    });
    return app;
  }

  #count(peer: PeerApp, change: number): void {
    peer.open += change > 0 ? 1 : -1;
    if (peer.open > 0) return;
    this.#byText.delete(peer.text);
    this.#free.push(peer);
  }
}
