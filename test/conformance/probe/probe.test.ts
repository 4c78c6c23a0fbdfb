// Every case of the public suite Http11Probe against the listener under test, with a counting origin behind it. What the suite says
// a server must do is done; the rest is recorded, and a change fails the test.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGateway, type Gateway } from '../../../src/index.ts';
import { isNative, underTest } from '../../support/listeners.ts';
import nativeChoices from './native-choices.json' with { type: 'json' };
import { cases, hasLeaked, type ProbeOrigin, type Result, runProbe, startOrigin } from './suite.mjs';
import uwsChoices from './uws-choices.json' with { type: 'json' };
import uwsGaps from './uws-gaps.json' with { type: 'json' };

/** A case that the listener does not meet. */
interface Gap {
  /** What is seen instead. */
  readonly seen: string;
  /** Why it cannot be mended here. */
  readonly reason: string;
  /** The origin gets the request, and nothing of ours could tell. */
  readonly reaches?: boolean;
}

/** Cases where the specification leaves a choice: which one was made and why, and what is seen of it. */
interface Choice {
  readonly choice: string;
  readonly cases: Readonly<Record<string, string>>;
}

const gaps: Readonly<Record<string, Gap>> = isNative ? {} : uwsGaps;
const choices: readonly Choice[] = isNative ? nativeChoices : uwsChoices;
const musts = new Set(cases.filter(({ level }) => level === 'Must').map(({ id }) => id));

let gateway: Gateway;
let origin: ProbeOrigin;
let results: readonly Result[];
let strays: readonly string[];

beforeAll(async () => {
  origin = await startOrigin();
  gateway = createGateway(
    {
      // A case announces 999,999,999 bytes and asks whether the server waits for them without reserving them.
      listen: { maxBodyBytes: '1gb' },
      records: false,
      upstreams: { origin: { targets: [`http://127.0.0.1:${origin.port}`] } },
      routes: [{ match: { path: '/*rest' }, upstream: 'origin' }],
    },
    { logger: { info() {}, warn() {}, error() {} } },
  );
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0, ...underTest });
  ({ results, strays } = await runProbe({ port, origin }));
});

afterAll(async () => {
  await gateway.close({ timeoutMs: 0 });
  await origin.close();
});

const told = (some: readonly Result[]): string[] => some.map(({ id, seen }) => `${id}: ${seen}`);
const seenOf = (ids: readonly string[]): Record<string, string | undefined> =>
  Object.fromEntries(ids.map((id) => [id, results.find((one) => one.id === id)?.seen]));

test('every Must case gets an allowed answer, but for the gaps', () => {
  const failed = results.filter(({ id, verdict }) => musts.has(id) && verdict === 'fail');
  expect(told(failed.filter(({ id }) => gaps[id] === undefined))).toEqual([]);
  expect(Object.keys(gaps).filter((id) => !failed.some((one) => one.id === id))).toEqual([]);
});

test('what is seen of the gaps is what their list says', () => {
  expect(seenOf(Object.keys(gaps))).toEqual(
    Object.fromEntries(Object.entries(gaps).map(([id, { seen }]) => [id, seen])),
  );
  expect(Object.entries(gaps).filter(([, { reason }]) => reason.length < 20)).toEqual([]);
});

test('no gap reaches the origin, but for those whose entry says so', () => {
  const reaching = results.filter(({ id, reached }) => gaps[id] !== undefined && reached.length > 0);
  expect(reaching.map(({ id }) => id).sort()).toEqual(
    Object.keys(gaps)
      .filter((id) => gaps[id]?.reaches)
      .sort(),
  );
});

test('nothing of a request that is refused reaches the origin whole', () => {
  expect(told(results.filter(hasLeaked))).toEqual([]);
});

test('no request becomes two, and the origin gets none that nobody sent', () => {
  expect(told(results.filter(({ reached, parts }) => reached.length + parts.length > 1))).toEqual([]);
  expect(strays).toEqual([]);
});

test('a request that reached the origin in part has broken off there', () => {
  expect(origin.reached.filter(({ isWhole, isEnded }) => !isWhole && !isEnded)).toEqual([]);
});

test('every other case is recorded with the choice that was made', () => {
  const recorded = choices.flatMap((one) => Object.entries(one.cases));
  expect(recorded.map(([id]) => id).sort()).toEqual(
    cases
      .map(({ id }) => id)
      .filter((id) => !musts.has(id))
      .sort(),
  );
  expect(seenOf(recorded.map(([id]) => id))).toEqual(Object.fromEntries(recorded));
  expect(choices.filter(({ choice }) => choice.length < 20)).toEqual([]);
});
