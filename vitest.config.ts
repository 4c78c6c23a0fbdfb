// How the tests run: two files at a time on two cores, each in a process of its own because engines bind to a thread.
// One project for each listener that loads in this Node, and one for what needs none.
import { defineConfig } from 'vitest/config';
import LeftOut from './test/support/left-out.ts';
import { type ListenerName, once, only, perListener, tested } from './test/support/listeners.ts';

/** Why a listener does not load here; null when it does. */
async function failureOf(name: ListenerName): Promise<string | null> {
  if (name !== 'uws') return null;
  return import('uWebSockets.js').then(
    () => null,
    (error: Error) => `everything for uws: not in Node ${process.version}: ${error.message.split('\n')[0]}`,
  );
}

const failures = await Promise.all(tested.map(failureOf));
const loaded = tested.filter((_, at) => failures[at] === null);

const filesAbout = (isAbout: (listeners: readonly ListenerName[]) => boolean): string[] =>
  Object.keys(only).filter((file) => isAbout(only[file]?.listeners ?? []));

const ofListener = (name: ListenerName) => ({
  extends: true as const,
  test: {
    name,
    include: [
      ...perListener.map((folder) => `test/${folder}/**/*.test.ts`),
      ...filesAbout((names) => names.includes(name)),
    ],
    exclude: [...Object.keys(once), ...filesAbout((names) => !names.includes(name))],
    env: { FERROGATE_TEST_LISTENER: name },
  },
});

const ofNone = {
  extends: true as const,
  test: {
    name: 'once',
    include: ['test/*.test.ts', `test/!(${perListener.join('|')})/**/*.test.ts`, ...Object.keys(once)],
    exclude: Object.keys(only),
    env: { FERROGATE_TEST_UNLOADED: tested.filter((_, at) => failures[at] !== null).join() },
  },
};

export default defineConfig({
  test: {
    projects: [ofNone, ...loaded.map(ofListener)],
    reporters: ['default', new LeftOut(failures.filter((failure) => failure !== null))],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Real sockets, processes and clocks on a machine that others use too: what fails once there is tried again, and told.
    retry: process.env['CI'] === 'true' ? 2 : 0,
    allowOnly: false,
  },
});
