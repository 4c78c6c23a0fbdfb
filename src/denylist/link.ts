// The two connections of a gateway to one store: one asks and writes, one hears; both come back by themselves.
import type { PlanStore } from '../config/plan.ts';
import type { Logger } from '../observe/logger.ts';
import { openStore, type StoreClient } from '../stores/client.ts';

/** Who hears of a channel. */
export interface Hearer {
  hear(text: string): void;
  /** The store is there, for the first time or again: messages may have been missed. */
  back(): void;
}

export interface StoreLink {
  readonly client: StoreClient;
  join(channel: string, hearer: Hearer): void;
  leave(channel: string): void;
  /** Resolves when commands can be sent; rejects after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** Both connections anew, for one that does not answer. */
  renew(): void;
  close(): void;
}

export function openLink(store: PlanStore, logger: Logger): StoreLink {
  return new Link(store, logger);
}

class Link implements StoreLink {
  readonly client: StoreClient;
  readonly #subscriber: StoreClient;
  readonly #hearers = new Map<string, Hearer>();
  #isClosed = false;

  constructor(store: PlanStore, logger: Logger) {
    this.client = openStore(store);
    this.#subscriber = openStore(store);
    let isAway = false;
    const away = (error: Error): void => {
      if (isAway || this.#isClosed) return;
      isAway = true;
      logger.warn({ store: store.id, reason: error.message }, 'the store of a deny-list is away');
    };
    for (const client of [this.client, this.#subscriber]) client.on('error', away);
    this.client.on('ready', () => {
      if (isAway) logger.info({ store: store.id }, 'the store of a deny-list is back');
      isAway = false;
      this.#back();
    });
    this.#subscriber.on('ready', () => {
      for (const channel of this.#hearers.keys()) this.#subscribe(channel);
      this.#back();
    });
    this.#subscriber.on('message', (channel, text) => this.#hearers.get(channel)?.hear(text));
  }

  join(channel: string, hearer: Hearer): void {
    this.#hearers.set(channel, hearer);
    if (this.#subscriber.status === 'ready') this.#subscribe(channel);
  }

  leave(channel: string): void {
    this.#hearers.delete(channel);
    // A connection that is away subscribes to what is left when it comes back.
    if (this.#subscriber.status === 'ready') this.#subscriber.unsubscribe(channel).catch(() => {});
  }

  async ready(timeoutMs: number): Promise<void> {
    if (this.client.status === 'ready') return;
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.client.off('ready', settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      const timer = setTimeout(() => settle(new Error('the store is away')), timeoutMs);
      this.client.on('ready', settle);
    });
  }

  renew(): void {
    for (const client of [this.client, this.#subscriber])
      if (client.status === 'ready') client.disconnect(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#hearers.clear();
    for (const client of [this.client, this.#subscriber]) client.disconnect();
  }

  /** What fails here fails with its connection, and is done again when that is back. */
  #subscribe(channel: string): void {
    this.#subscriber.subscribe(channel).catch(() => {});
  }

  #back(): void {
    for (const hearer of this.#hearers.values()) hearer.back();
  }
}
