// The client of a store for JavaScript: one connection (or one for each node of a cluster) that comes back by itself.
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { PlanStore } from '../config/plan.ts';

/** Commands of a store, alone or as a cluster. */
export type StoreClient = Redis | Cluster;

/** How long JavaScript waits for one command: it serves people who log in, and scans. */
const commandTimeoutMs = 2_000;
const connectTimeoutMs = 2_000;

/**
 * Connects to `store`, without waiting for it. A command that is not answered in 2 s rejects; one that is asked while the
 * store is away rejects at once. The caller listens to `error` (else ioredis writes to the console) and ends it by `disconnect()`.
 */
export function openStore(store: PlanStore): StoreClient {
  const options = { ...credentials(store), ...patience, ...secured(store) };
  if (store.kind === 'cluster') {
    return new Cluster(store.nodes, {
      redisOptions: options,
      enableOfflineQueue: false,
      clusterRetryStrategy: backoff,
      slotsRefreshTimeout: commandTimeoutMs,
    });
  }
  if (store.kind === 'sentinel') {
    return new Redis({
      ...options,
      sentinels: store.nodes,
      name: store.primary ?? '',
      db: store.database,
      ...(store.tls ? { enableTLSForSentinelMode: true, sentinelTLS: secured(store).tls ?? {} } : {}),
    });
  }
  const [node] = store.nodes;
  return new Redis({ ...options, ...node, db: store.database });
}

/**
 * Waits for a client that is connecting, for 2 s at most, so that commands can be asked at once after `openStore`. With
 * `isBack` also for one that has lost its connection. It never rejects: a command that is asked while there is no connection
 * says so itself.
 */
export function untilReady(client: StoreClient, isBack = false): Promise<void> {
  const { awaited, states, outcomes } = isBack ? returning : opening;
  if (!states.includes(client.status)) return Promise.resolve();
  let waiting = awaited.get(client);
  if (waiting === undefined) {
    waiting = connected(client, outcomes).finally(() => awaited.delete(client));
    awaited.set(client, waiting);
  }
  return waiting;
}

/** What is waited for, by one promise for each client: its states, and the events that end the wait. */
interface Wait {
  readonly awaited: WeakMap<StoreClient, Promise<void>>;
  readonly states: readonly string[];
  readonly outcomes: readonly string[];
}

const opening: Wait = {
  awaited: new WeakMap(),
  states: ['wait', 'connecting', 'connect'],
  outcomes: ['ready', 'close', 'end'],
};
const returning: Wait = {
  awaited: new WeakMap(),
  states: [...opening.states, 'close', 'reconnecting'],
  outcomes: ['ready', 'end'],
};

function connected(client: StoreClient, outcomes: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const name of outcomes) client.off(name, done);
      resolve();
    };
    const timer = setTimeout(done, connectTimeoutMs);
    for (const name of outcomes) client.on(name, done);
    if (client.status === 'wait') client.connect().catch(() => {});
  });
}

const patience = {
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  retryStrategy: backoff,
} satisfies RedisOptions;

/** 50 ms to 2 s, a fifth of it by chance. */
function backoff(times: number): number {
  const longest = Math.min(2_000, 50 * 2 ** Math.min(times, 6));
  return Math.round(longest * (0.8 + 0.2 * Math.random()));
}

function credentials({ username, password }: PlanStore): Pick<RedisOptions, 'username' | 'password'> {
  return { ...(username === null ? {} : { username }), ...(password === null ? {} : { password }) };
}

function secured({ tls, caPem }: PlanStore): { tls?: { ca?: string } } {
  if (!tls) return {};
  return { tls: caPem === null ? {} : { ca: caPem } };
}
