// The listeners that the tests run against: the one switch. vitest.config.ts makes a project of each, and what listens takes `underTest`.
import type { TestContext } from 'vitest';
import type { ListenConfig, ListenOverrides } from '../../src/index.ts';

export type ListenerName = 'uws' | 'native' | 'loop';

const drives = {
  uws: { listener: 'uws' },
  native: { listener: 'native', threads: 1 },
  loop: { listener: 'native', threads: 'loop' },
} as const satisfies Readonly<Record<ListenerName, ListenOverrides>>;

/** Which of them there are. */
export const tested: readonly ListenerName[] = ['uws', 'native', 'loop'];

/** The listener of this process; a project of vitest.config.ts sets it. */
export const listenerName = (process.env['FERROGATE_TEST_LISTENER'] ?? tested[0]) as ListenerName;

/** What `listen` is given beside host and ports. */
export const underTest: ListenOverrides = drives[listenerName];

/** What `Listening.listener` says of it. */
export const servedBy = drives[listenerName].listener;

/** Whether the data plane owns the client side. */
export const isNative = listenerName !== 'uws';

/** Configuration for clients of one address with thousands of connections. */
export const manyConnections: ListenConfig = isNative ? { maxConnectionsPerClient: null } : {};

/** The tests in these folders run once for each listener; all others run once. */
export const perListener = ['conformance', 'e2e', 'gateway', 'native', 'regression'] as const;

/** Files of these folders that run once all the same. */
export const once: Readonly<Record<string, string>> = {
  'test/e2e/algorithms.test.ts': 'asks by inject() alone',
  'test/e2e/auto.test.ts': 'the listener chosen by "auto"',
  'test/e2e/deny-list.test.ts': 'asks by inject() alone',
  'test/e2e/inject.test.ts': 'asks by inject() alone',
  'test/e2e/killed-workers.test.ts': 'asks by inject() alone',
  'test/e2e/package.test.ts': 'what is installed and found, the listener chosen by "auto"',
  'test/e2e/workers.test.ts': 'several environments: names its listener, and its threads one after the other',
  'test/gateway/handlers.test.ts':
    'the module of handlers: starts that fail, and which listener several environments choose',
};

/** Files, wherever they are, that are about some listeners only. */
export const only: Readonly<Record<string, { listeners: readonly ListenerName[]; reason: string }>> = {
  'test/bench/heap.test.ts': { listeners: ['uws'], reason: 'measures what the listener adds' },
  'test/conformance/pipelining.test.ts': {
    listeners: ['native', 'loop'],
    reason: 'uWebSockets.js closes a connection on which a request comes before the last one is answered',
  },
  'test/listener/apps.test.ts': { listeners: ['uws'], reason: 'tests src/listener/uws-apps.ts' },
  'test/listener/uws-faults.test.ts': {
    listeners: ['uws'],
    reason: 'tests what src/listener/uws.ts is called by',
  },
  'test/listener/uws.test.ts': { listeners: ['uws'], reason: 'tests src/listener/uws.ts' },
  'test/native/*.test.ts': {
    listeners: ['native', 'loop'],
    reason: 'uWebSockets.js reads and times clients by its own rules',
  },
};

/** Listeners that do not load in this Node; vitest.config.ts tells. */
const unloaded = (process.env['FERROGATE_TEST_UNLOADED'] ?? '').split(',');

export const isLoaded = (name: ListenerName): boolean => !unloaded.includes(name);

/** Leaves the running test out where this listener does not load. */
export function needs(context: TestContext, name: ListenerName): void {
  if (!isLoaded(name)) context.skip(`${name} does not load in Node ${process.version}`);
}
