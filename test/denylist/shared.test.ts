// A list that is kept equal to a store: messages in and out of turn, missed ones, a store that fails, forgets or is full.
import { describe, expect, it } from 'vitest';
import type { DenyListSettings } from '../../src/config/deny-list.ts';
import { type DenyEntry, fieldOf } from '../../src/denylist/entry.ts';
import { type DenyChange, SharedList } from '../../src/denylist/shared.ts';
import type { DenyMessage, DenyStore, ListState } from '../../src/denylist/store.ts';
import { heard } from '../support/gateway.ts';
import { gate, until } from '../support/until.ts';

const settings: DenyListSettings = {
  issuer: 'main',
  iss: 'https://id.test',
  store: 'main',
  refreshMs: 500,
  maxStaleMs: 10_000,
  keepSeconds: 60,
  skewSeconds: 30,
  maxEntries: 100_000,
};
const now = 1_000_000;
const jti = (value: string, until = 2000): DenyEntry => ({ by: 'jti', value, until, issuedBefore: 0 });

/** A store as the scripts make one, and what it tells. */
class FakeStore implements DenyStore {
  at: ListState = { epoch: '', version: 0 };
  readonly held = new Map<string, DenyEntry>();
  readonly told: DenyMessage[] = [];
  reads = 0;
  error: Error | null = null;
  isFull = false;
  /** Runs after each page of `entries`. */
  between: () => void | Promise<void> = () => {};

  change(add: readonly DenyEntry[], remove: readonly string[] = []): DenyMessage {
    for (const field of remove) this.held.delete(field);
    for (const entry of add) this.held.set(fieldOf(entry), entry);
    this.at = { epoch: this.at.epoch || `epoch ${Math.random()}`, version: this.at.version + 1 };
    const message = { ...this.at, add, remove };
    this.told.push(message);
    return message;
  }
  async state(): Promise<ListState> {
    if (this.error !== null) throw this.error;
    return this.at;
  }
  async *entries(): AsyncGenerator<DenyEntry[]> {
    this.reads += 1;
    const all = [...this.held.values()];
    for (let at = 0; at === 0 || at < all.length; at += 2) {
      if (this.error !== null) throw this.error;
      yield all.slice(at, at + 2);
      await this.between();
    }
  }
  async add(entries: readonly DenyEntry[]): Promise<boolean> {
    if (this.error !== null) throw this.error;
    if (!this.isFull) this.change(entries);
    return !this.isFull;
  }
  async remove(fields: readonly string[]): Promise<void> {
    if (this.error !== null) throw this.error;
    this.change([], fields);
  }
}

/** The data plane: an entry that is there is only ever extended. */
function plane(room = Number.POSITIVE_INFINITY) {
  const held = new Map<string, number>();
  const synced: boolean[] = [];
  const put = ({ add = [], remove = [], synced: is }: DenyChange) => {
    for (const [by, value] of remove) held.delete(fieldOf({ by, value }));
    let refused = 0;
    for (const [by, value, until] of add) {
      const field = fieldOf({ by, value });
      if (!held.has(field) && held.size >= room) refused += 1;
      else held.set(field, Math.max(until, held.get(field) ?? 0));
    }
    if (is !== undefined) synced.push(is);
    return { refused };
  };
  return { held, synced, put, names: () => [...held.keys()].sort() };
}

function start(store = new FakeStore(), room?: number) {
  const sink = plane(room);
  const log = heard();
  const clock = { now, unanswered: 0 };
  const unanswered = (): void => {
    clock.unanswered += 1;
  };
  const options = { logger: log, now: () => clock.now, unanswered };
  const list = new SharedList(settings, store, sink.put, options);
  return { store, list, sink, log, clock, options };
}

describe('a list', () => {
  it('is what the store holds, and says since when', async () => {
    const { store, list, sink } = start();
    store.change([jti('a'), jti('ended', 1000), jti('b')]);
    expect(list.syncedAt).toBeNull();
    await list.check();
    expect(sink.names()).toEqual(['jti:a', 'jti:b']);
    expect([sink.synced, list.syncedAt, store.reads]).toEqual([[true], now, 1]);
    await list.check();
    expect([sink.synced, store.reads]).toEqual([[true, true], 1]);
  });

  it('follows messages in their turn without reading again', async () => {
    const { store, list, sink } = start();
    await list.check();
    list.hear(store.change([jti('a'), jti('b')]));
    list.hear(store.change([], ['jti:a']));
    list.hear(store.change([jti('b', 3000)]));
    expect([...sink.held]).toEqual([['jti:b', 3000]]);
    await list.check();
    expect(store.reads).toBe(1);
  });

  it('reads what a missed message said, with the next message or at the next look', async () => {
    const { store, list, sink } = start();
    await list.check();
    list.hear(store.change([jti('a')]));
    store.change([jti('missed')], ['jti:a']);
    await list.check();
    expect([sink.names(), store.reads]).toEqual([['jti:missed'], 2]);
    store.change([], ['jti:missed']);
    list.hear(store.change([jti('b')]));
    expect(sink.names(), 'what is added holds at once').toEqual(['jti:b', 'jti:missed']);
    await until('the list to be read again', () => store.reads === 3);
    await until('the entry to be gone', () => sink.names().join() === 'jti:b');
    list.hear({ epoch: 'older', version: 3, add: [], remove: ['jti:b'] });
    expect(sink.names(), 'a message of another list takes nothing out').toEqual(['jti:b']);
  });

  it('does not read again for a message that is late, nor for one that comes twice', async () => {
    const { store, list, sink } = start();
    await list.check();
    const message = store.change([jti('a')]);
    const checked = list.check();
    setTimeout(() => list.hear(message), 5);
    await checked;
    list.hear(message);
    expect([sink.names(), store.reads]).toEqual([['jti:a'], 1]);
  });

  it('loses nothing of what changes while it is read', async () => {
    const { store, list, sink } = start();
    for (const name of ['a', 'b', 'c', 'd', 'e']) store.change([jti(name)]);
    let step = 0;
    store.between = async () => {
      step += 1;
      if (step === 1) list.hear(store.change([jti('f')], ['jti:a']));
      if (step === 2) await list.add(jti('own'));
      if (step === 3) for (const message of store.told.splice(6)) list.hear(message);
    };
    await list.check();
    expect(sink.names()).toEqual(['b', 'c', 'd', 'e', 'f', 'own'].map((name) => `jti:${name}`));
    store.between = () => {};
    await list.check();
    expect(store.reads).toBe(1);
  });

  it('keeps what was written here while it is read, whether or not its message comes', async () => {
    const { store, list, sink } = start();
    for (const name of ['a', 'b', 'c']) store.change([jti(name)]);
    store.between = async () => {
      store.between = () => {};
      await list.add(jti('own'));
      await list.remove('jti:c');
    };
    await list.check();
    expect(sink.names()).toEqual(['jti:a', 'jti:b', 'jti:own']);
  });

  it('hands on an entry whose end comes sooner than before', async () => {
    const { store, list, sink } = start();
    store.change([jti('a', 5000)]);
    await list.check();
    store.change([], ['jti:a']);
    store.change([jti('a', 3000)]);
    await list.check();
    expect([...sink.held]).toEqual([['jti:a', 3000]]);
  });

  it('that takes the place of another takes out what only that one knew', async () => {
    const { store, list, sink, options } = start();
    store.change([jti('a'), jti('b')]);
    await list.check();
    list.close();
    store.change([], ['jti:a']);
    await new SharedList(settings, store, sink.put, options, list).check();
    expect(sink.names()).toEqual(['jti:b']);
  });
});

describe('a store', () => {
  it('that fails leaves the list as it is, told once; nothing is written then', async () => {
    const { store, list, sink, log, clock } = start();
    store.change([jti('a')]);
    await list.check();
    store.error = new Error('Command timed out');
    clock.now += 9000;
    await list.check();
    await list.check();
    expect([sink.names(), sink.synced, list.syncedAt]).toEqual([['jti:a'], [true], now]);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'a deny-list cannot be compared with its store',
    ]);
    expect(clock.unanswered).toBe(2);
    const refused = { code: 'ERR_FG_DENY_LIST_UNAVAILABLE', retryable: true };
    await expect(list.add(jti('b'))).rejects.toMatchObject(refused);
    await expect(list.remove('jti:a')).rejects.toMatchObject(refused);
    expect(sink.names()).toEqual(['jti:a']);
    store.error = null;
    await list.check();
    expect([sink.synced, list.syncedAt]).toEqual([[true, true], now + 9000]);
    expect(log.lines[1]?.message).toBe('a deny-list is known again');
  });

  it.each([
    ['everything', (store: FakeStore) => Object.assign(store, { at: { epoch: '', version: 0 } })],
    [
      'and was written since',
      (store: FakeStore) => Object.assign(store, { at: { epoch: 'other', version: 9 } }),
    ],
    ['the last change', (store: FakeStore) => Object.assign(store, { at: { ...store.at, version: 1 } })],
  ])('that lost %s gets back what is known here', async (_, lose) => {
    const { store, list, sink, clock } = start();
    store.change([jti('a'), jti('b')]);
    store.change([jti('short', 1010)]);
    await list.check();
    store.held.clear();
    lose(store);
    store.held.set('jti:new', jti('new'));
    clock.now += 20_000;
    await list.check();
    expect([...store.held.keys()].sort()).toEqual(['jti:a', 'jti:b', 'jti:new']);
    await list.check();
    await list.check();
    expect(sink.names()).toEqual(['jti:a', 'jti:b', 'jti:new']);
    expect(sink.synced.at(-1)).toBe(true);
  });

  it('that is full refuses, and changes nothing', async () => {
    const { store, list, sink } = start();
    await list.check();
    store.isFull = true;
    await expect(list.add(jti('a'))).rejects.toMatchObject({ code: 'ERR_FG_DENY_LIST_FULL' });
    expect(sink.names()).toEqual([]);
  });

  it('with more entries than fit here makes the list unknown until they fit', async () => {
    const { store, list, sink, log, clock } = start(undefined, 2);
    store.change([jti('a'), jti('b'), jti('c')]);
    await list.check();
    await list.check();
    expect([sink.synced.at(-1), list.syncedAt, store.reads]).toEqual([false, null, 1]);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    list.hear(store.change([], ['jti:a']));
    clock.now += 10_000;
    await list.check();
    expect([sink.synced.at(-1), sink.names()]).toEqual([true, ['jti:b', 'jti:c']]);
  });
});

it('asks once at a time, and once more for whoever asked meanwhile', async () => {
  const { store, list } = start();
  const held = gate();
  let asked = 0;
  store.state = async () => {
    asked += 1;
    await held.opened;
    return store.at;
  };
  const all = [list.check(), list.check(), list.check()];
  expect(asked).toBe(1);
  held.open();
  await Promise.all(all);
  await until('the second look', () => asked >= 3);
  await list.check();
  expect([asked, store.reads], 'twice to read, then once for a look').toEqual([4, 1]);
});

it('hands 2,500 entries over in pieces', async () => {
  const { store, list, sink } = start();
  store.change(Array.from({ length: 2500 }, (_, at) => jti(String(at))));
  await list.check();
  expect(sink.held.size).toBe(2500);
});
