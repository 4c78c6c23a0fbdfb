// The deny-lists of all issuers of a gateway: which there are, who asks their stores and when; what is denied is the data plane's.
import type { DenyListSettings } from '../config/deny-list.ts';
import type { PlanStore } from '../config/plan.ts';
import { GatewayError, invalidConfig } from '../errors.ts';
import type { MetricFamily } from '../native/calls.ts';
import type { Logger } from '../observe/logger.ts';
import {
  type DeniedTokens,
  type DenyEntry,
  type DenyRequest,
  deniedName,
  denyEntry,
  fieldOf,
  fullError,
} from './entry.ts';
import { openLink, type StoreLink } from './link.ts';
import { type DenyChange, SharedList } from './shared.ts';
import { channelOf, parseMessage, RedisDenyStore } from './store.ts';

/** The data plane; null for an issuer that it does not know. */
export type DenySink = (issuer: string, change: DenyChange) => { readonly refused: number } | null;

export interface DenyListsOptions {
  readonly logger: Logger;
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number;
  /** Opens the connections to a store; default: real ones. */
  readonly open?: (store: PlanStore, logger: Logger) => StoreLink;
}

/** What of a configuration the lists are made of. */
export interface DenyListsConfig {
  readonly denyLists: readonly DenyListSettings[];
  readonly base: { readonly stores: readonly PlanStore[] };
}

interface Running {
  readonly text: string;
  readonly settings: DenyListSettings;
  /** Null where the list is of this process alone. */
  readonly shared: { readonly list: SharedList; readonly link: StoreLink; leave(): void } | null;
}

/** How long a writer waits for a store that is being connected to. */
const connectWithinMs = 2_000;

export class DenyLists {
  readonly #sink: DenySink;
  readonly #options: Required<DenyListsOptions>;
  #config: DenyListsConfig;
  readonly #running = new Map<string, Running>();
  readonly #links = new Map<string, StoreLink>();
  #isStarted = false;

  /** Nothing is connected before `start` or the first entry. */
  constructor(config: DenyListsConfig, sink: DenySink, options: DenyListsOptions) {
    this.#config = config;
    this.#sink = sink;
    this.#options = { now: Date.now, open: openLink, ...options };
  }

  /** Call it after the plan that names the issuers is in force. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.update(this.#config);
  }

  /** An unchanged list goes on as it is. Call it after the plan is in force. */
  update(config: DenyListsConfig): void {
    this.#config = config;
    if (!this.#isStarted) return;
    const wanted = new Map(config.denyLists.map((settings) => [settings.issuer, settings]));
    const before = new Map(this.#running);
    for (const [issuer, running] of before) {
      const settings = wanted.get(issuer);
      if (settings !== undefined && this.#textOf(settings) === running.text) continue;
      running.shared?.leave();
      this.#running.delete(issuer);
    }
    for (const settings of config.denyLists) {
      const { issuer } = settings;
      if (!this.#running.has(issuer)) this.#running.set(issuer, this.#run(settings, before.get(issuer)));
    }
    const used = new Set(config.denyLists.map(({ store }) => this.#storeText(store)));
    for (const [text, link] of this.#links) {
      if (used.has(text)) continue;
      link.close();
      this.#links.delete(text);
    }
  }

  /** @throws GatewayError `ERR_FG_CONFIG_INVALID`, `ERR_FG_DENY_LIST_FULL`, `ERR_FG_DENY_LIST_UNAVAILABLE` */
  async deny(request: DenyRequest): Promise<void> {
    const { settings, shared } = this.#listOf(request);
    const { keepSeconds, skewSeconds, issuer, maxEntries } = settings;
    const entry = denyEntry(request, { keepSeconds, skewSeconds, now: this.#options.now() });
    if (shared === null) {
      const put = this.#put(issuer, { add: [wordsOf(entry)] });
      if (put.refused > 0) throw fullError(issuer, maxEntries);
      return;
    }
    await this.#connected(shared.link, issuer);
    await shared.list.add(entry);
  }

  /** @throws GatewayError `ERR_FG_CONFIG_INVALID`, `ERR_FG_DENY_LIST_UNAVAILABLE` */
  async undeny(tokens: DeniedTokens): Promise<void> {
    const { settings, shared } = this.#listOf(tokens);
    const name = deniedName(tokens);
    if (shared === null) {
      this.#put(settings.issuer, { remove: [[name.by, name.value]] });
      return;
    }
    await this.#connected(shared.link, settings.issuer);
    await shared.list.remove(fieldOf(name));
  }

  /** Whether each shared list is known, and how old that knowledge is; entries are counted where they are enforced. */
  stats(): MetricFamily[] {
    const now = this.#options.now();
    const shared = [...this.#running.values()].flatMap(({ settings, shared }) =>
      shared === null ? [] : [{ settings, syncedAt: shared.list.syncedAt }],
    );
    const samples = (value: (of: (typeof shared)[number]) => number) =>
      shared.map((of) => ({ labels: { issuer: of.settings.issuer }, value: value(of) }));
    const age = (syncedAt: number | null): number => (syncedAt === null ? -1 : Math.max(0, now - syncedAt));
    return [
      {
        name: 'ferrogate_deny_list_synchronised',
        help: 'Whether it is known which tokens of the issuer are denied: 1 or 0.',
        type: 'gauge',
        samples: samples(({ syncedAt, settings }) =>
          syncedAt !== null && age(syncedAt) <= settings.maxStaleMs ? 1 : 0,
        ),
      },
      {
        name: 'ferrogate_deny_list_age_seconds',
        help: 'Seconds since the deny-list was equal to its store, by issuer; -1 before the first time.',
        type: 'gauge',
        samples: samples(({ syncedAt }) => (syncedAt === null ? -1 : age(syncedAt) / 1000)),
      },
    ];
  }

  /** Issuers whose shared list was never read. */
  unknown(): string[] {
    const all = [...this.#running.values()];
    return all.flatMap(({ settings, shared }) => (shared?.list.syncedAt === null ? [settings.issuer] : []));
  }

  close(): void {
    for (const { shared } of this.#running.values()) shared?.leave();
    for (const link of this.#links.values()) link.close();
    this.#running.clear();
    this.#links.clear();
    this.#isStarted = false;
  }

  #listOf({ issuer }: DeniedTokens): Running {
    this.start();
    const running = this.#running.get(issuer);
    if (running !== undefined) return running;
    throw invalidConfig([{ path: 'issuer', message: 'expected the id of an issuer with a "denyList"' }]);
  }

  async #connected(link: StoreLink, issuer: string): Promise<void> {
    await link.ready(connectWithinMs).catch((cause: unknown) => {
      const text = `the store of the deny-list of issuer "${issuer}" is away`;
      throw new GatewayError('ERR_FG_DENY_LIST_UNAVAILABLE', text, { cause });
    });
  }

  #put(issuer: string, change: DenyChange): { readonly refused: number } {
    const put = this.#sink(issuer, change);
    if (put === null) throw new GatewayError('ERR_FG_INTERNAL', `issuer "${issuer}" is not in force`);
    return put;
  }

  #run(settings: DenyListSettings, before: Running | undefined): Running {
    const text = this.#textOf(settings);
    const store = this.#storeOf(settings.store);
    if (store === undefined) return { text, settings, shared: null };
    const link = this.#link(store);
    const channel = channelOf(store.prefix, settings.issuer);
    const { logger, now } = this.#options;
    const put = (change: DenyChange): { readonly refused: number } => this.#put(settings.issuer, change);
    const deny = new RedisDenyStore(link.client, channel);
    const options = { logger, now, unanswered: () => link.renew() };
    const known = before?.settings.iss === settings.iss ? before.shared?.list : undefined;
    const list = new SharedList(settings, deny, put, options, known);
    link.join(channel, {
      hear: (said) => {
        const message = parseMessage(said);
        if (message !== undefined) list.hear(message);
      },
      back: () => void list.check(),
    });
    const timer = setInterval(() => void list.check(), settings.refreshMs).unref();
    const leave = (): void => {
      clearInterval(timer);
      list.close();
      link.leave(channel);
    };
    if (link.client.status === 'ready') void list.check();
    return { text, settings, shared: { list, link, leave } };
  }

  #link(store: PlanStore): StoreLink {
    const text = JSON.stringify(store);
    const open = this.#links.get(text);
    if (open !== undefined) return open;
    const link = this.#options.open(store, this.#options.logger);
    this.#links.set(text, link);
    return link;
  }

  #storeOf(id: string | null): PlanStore | undefined {
    return this.#config.base.stores.find((store) => store.id === id);
  }

  #storeText(id: string | null): string {
    return JSON.stringify(this.#storeOf(id)) ?? '';
  }

  #textOf(settings: DenyListSettings): string {
    return `${JSON.stringify(settings)}${this.#storeText(settings.store)}`;
  }
}

function wordsOf({ by, value, until, issuedBefore }: DenyEntry) {
  return [by, value, until, issuedBefore] as const;
}
