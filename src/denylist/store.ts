// A deny-list in a store: its entries, how often it was changed, and what every gateway is told of a change. It keeps nothing here.
import { randomUUID } from 'node:crypto';
import type { StoreClient } from '../stores/client.ts';
import { type DenyEntry, entryOf, fieldOf } from './entry.ts';
import { addScript, removeScript } from './scripts.ts';

/** Which list it is (another after the store lost it), and how often it was changed. */
export interface ListState {
  readonly epoch: string;
  readonly version: number;
}

/** Whether a store lost what it had when it said `at`. */
export function isOlder(state: ListState, at: ListState): boolean {
  return at.version > 0 && (state.epoch !== at.epoch || state.version < at.version);
}

/** What a change says, to be applied to the list of the version before. */
export interface DenyMessage extends ListState {
  readonly add: readonly DenyEntry[];
  /** Fields. */
  readonly remove: readonly string[];
}

/** A list that gateways share. Everything rejects while the store is away. */
export interface DenyStore {
  /** Version 0 before the first entry. */
  state(): Promise<ListState>;
  /** Every entry, in pieces; what is added meanwhile may be missing. */
  entries(): AsyncIterable<readonly DenyEntry[]>;
  /** All of them or, where the list would have more than `maxEntries`, none: false. */
  add(entries: readonly DenyEntry[], maxEntries: number): Promise<boolean>;
  remove(fields: readonly string[]): Promise<void>;
}

const pageSize = 1000;

/** The channel on which changes of an issuer's list are told, which is also the name of the list. */
export function channelOf(prefix: string, issuer: string): string {
  return `${prefix}deny:{${issuer}}`;
}

export class RedisDenyStore implements DenyStore {
  readonly #client: StoreClient;
  readonly #channel: string;
  readonly #keys: [entries: string, ends: string];

  constructor(client: StoreClient, channel: string) {
    this.#client = client;
    this.#channel = channel;
    this.#keys = [channel, `${channel}:ends`];
  }

  async state(): Promise<ListState> {
    const [epoch, version] = await this.#client.hmget(this.#keys[0], '@epoch', '@version');
    return { epoch: epoch ?? '', version: Number(version ?? 0) };
  }

  async *entries(): AsyncGenerator<DenyEntry[]> {
    let cursor = '0';
    do {
      const [next, fields] = await this.#client.hscan(this.#keys[0], cursor, 'COUNT', pageSize);
      cursor = next;
      const page: DenyEntry[] = [];
      for (let at = 0; at + 1 < fields.length; at += 2) {
        const [until, before] = (fields[at + 1] ?? '').split(':');
        const entry = entryOf(fields[at] ?? '', Number(until), Number(before));
        if (entry !== undefined) page.push(entry);
      }
      yield page;
    } while (cursor !== '0');
  }

  async add(entries: readonly DenyEntry[], maxEntries: number): Promise<boolean> {
    const words = entries.flatMap((entry) => [fieldOf(entry), entry.until, entry.issuedBefore]);
    const head = [this.#channel, randomUUID(), maxEntries];
    return (await this.#client.eval(addScript, 2, ...this.#keys, ...head, ...words)) === 1;
  }

  async remove(fields: readonly string[]): Promise<void> {
    await this.#client.eval(removeScript, 2, ...this.#keys, this.#channel, randomUUID(), ...fields);
  }
}

/** A message as the scripts write it; undefined where it is none. */
export function parseMessage(text: string): DenyMessage | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { epoch, version, add = [], remove = [] } = (read ?? {}) as Record<string, unknown>;
  if (typeof epoch !== 'string' || !Number.isSafeInteger(version)) return undefined;
  if (!Array.isArray(add) || !Array.isArray(remove)) return undefined;
  const entries = add.flatMap((one: unknown) => {
    if (!Array.isArray(one)) return [];
    const entry = entryOf(String(one[0]), Number(one[1]), Number(one[2]));
    return entry === undefined ? [] : [entry];
  });
  return { epoch, version: version as number, add: entries, remove: remove.map(String) };
}
