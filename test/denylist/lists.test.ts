// The lists of a configuration: when stores are connected to, what a reload changes, what is told of them.
import { afterEach, describe, expect, it } from 'vitest';
import type { DenyListSettings } from '../../src/config/deny-list.ts';
import type { PlanStore } from '../../src/config/plan.ts';
import type { Hearer, StoreLink } from '../../src/denylist/link.ts';
import { DenyLists } from '../../src/denylist/lists.ts';
import type { DenyChange } from '../../src/denylist/shared.ts';
import type { StoreClient } from '../../src/stores/client.ts';
import { heard } from '../support/gateway.ts';
import { until } from '../support/until.ts';

const local: DenyListSettings = {
  issuer: 'main',
  iss: 'https://id.test',
  store: null,
  refreshMs: 50,
  maxStaleMs: 1000,
  keepSeconds: 60,
  skewSeconds: 30,
  maxEntries: 10,
};
const shared = { ...local, store: 'one' };
const store = (id: string): PlanStore => ({
  id,
  kind: 'single',
  nodes: [{ host: '127.0.0.1', port: 1 }],
  primary: null,
  tls: false,
  caPem: null,
  username: null,
  password: null,
  database: 0,
  prefix: `${id}:`,
  timeoutMs: 20,
});
const config = (...denyLists: DenyListSettings[]) => ({
  denyLists,
  base: { stores: [store('one'), store('two')] },
});

/** A connection to an empty store that is there, or not. */
class FakeLink implements StoreLink {
  isThere = true;
  isClosed = false;
  readonly channels = new Map<string, Hearer>();
  readonly client = {
    status: 'connecting',
    hmget: async () => [null, null],
    hscan: async () => ['0', []],
    eval: async () => 1,
  } as unknown as StoreClient;

  join(channel: string, hearer: Hearer): void {
    this.channels.set(channel, hearer);
  }
  leave(channel: string): void {
    this.channels.delete(channel);
  }
  ready(): Promise<void> {
    return this.isThere ? Promise.resolve() : Promise.reject(new Error('away'));
  }
  renew(): void {}
  close(): void {
    this.isClosed = true;
  }
}

const running: DenyLists[] = [];
afterEach(() => {
  for (const lists of running.splice(0)) lists.close();
});

function start(...settings: DenyListSettings[]) {
  const links: FakeLink[] = [];
  const put: [issuer: string, change: DenyChange][] = [];
  const clock = { now: 1_000_000 };
  const sink = (issuer: string, change: DenyChange) => {
    put.push([issuer, change]);
    return { refused: 0 };
  };
  const open = (): StoreLink => {
    const link = new FakeLink();
    links.push(link);
    return link;
  };
  const lists = new DenyLists(config(...settings), sink, { logger: heard(), now: () => clock.now, open });
  running.push(lists);
  return { lists, links, put, clock };
}

const values = (lists: DenyLists): unknown[] =>
  lists.stats().map(({ samples }) => samples.map(({ value }) => value));

describe('deny-lists', () => {
  it('of one process connect to nothing and have no age', async () => {
    const { lists, links, put } = start(local);
    await lists.deny({ issuer: 'main', session: 's', until: 2000 });
    await lists.undeny({ issuer: 'main', session: 's' });
    expect(put).toEqual([
      ['main', { add: [['session', 's', 2030, 0]] }],
      ['main', { remove: [['session', 's']] }],
    ]);
    expect([links, lists.unknown(), values(lists)]).toEqual([[], [], [[], []]]);
  });

  it('connect when they start, are not known before the store was read, and tell since when', async () => {
    const { lists, links, clock } = start(shared, { ...shared, issuer: 'second' });
    expect(links).toEqual([]);
    lists.start();
    expect(links).toHaveLength(1);
    expect([...(links[0]?.channels.keys() ?? [])]).toEqual(['one:deny:{main}', 'one:deny:{second}']);
    expect([lists.unknown(), values(lists)]).toEqual([
      ['main', 'second'],
      [
        [0, 0],
        [-1, -1],
      ],
    ]);
    links[0]?.channels.get('one:deny:{main}')?.back();
    links[0]?.channels.get('one:deny:{second}')?.back();
    await until('both to be read', () => lists.unknown().length === 0);
    lists.update(config(shared));
    clock.now += 500;
    expect(values(lists)).toEqual([[1], [0.5]]);
  });

  it('refuse a change while the store is away', async () => {
    const { lists, links } = start(shared);
    lists.start();
    if (links[0] !== undefined) links[0].isThere = false;
    const away = { code: 'ERR_FG_DENY_LIST_UNAVAILABLE' };
    await expect(lists.deny({ issuer: 'main', jti: 'a' })).rejects.toMatchObject(away);
    await expect(lists.undeny({ issuer: 'main', jti: 'a' })).rejects.toMatchObject(away);
  });

  it('go on over a reload that leaves them as they are, and leave a store that no list needs', () => {
    const { lists, links } = start(shared);
    lists.start();
    const hearer = links[0]?.channels.get('one:deny:{main}');
    lists.update(config(shared));
    expect(links).toHaveLength(1);
    expect(links[0]?.channels.get('one:deny:{main}')).toBe(hearer);
    lists.update(config({ ...shared, maxEntries: 5 }));
    expect(links[0]?.channels.get('one:deny:{main}')).not.toBe(hearer);
    lists.update(config({ ...shared, store: 'two' }));
    expect(links.map(({ isClosed, channels }) => [isClosed, [...channels.keys()]])).toEqual([
      [true, []],
      [false, ['two:deny:{main}']],
    ]);
    lists.close();
    expect(links[1]?.isClosed).toBe(true);
  });
});
