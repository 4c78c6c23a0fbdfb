// The cases that the listener under test answers by itself or reads in its own way: each is seen again, and a change fails the test.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Case, GatewayName } from './case.ts';
import { cases } from './cases/index.ts';
import { gaps, gatewayNames, type Subject, startSubject } from './gateways.ts';
import { observe, observeSilence, SILENCE } from './observe.ts';
import { POISON, piecesOf, poisonComplaints, probe } from './run.ts';

const gapCases = cases.filter(({ name }) => gaps[name] !== undefined);
const isSilent = ({ name }: Case): boolean => gaps[name]?.seen === SILENCE;
const silent = gapCases.filter(isSilent);
const prompt = gapCases.filter((one) => !isSilent(one));

const subjects = new Map<GatewayName, Subject>();
const subjectOf = ({ gateway = 'plain' }: Case): Subject => subjects.get(gateway) as Subject;
/** Started first and awaited last: they take as long as the library waits. */
let silences: Promise<void>;
const silenceSubjects = new Map<GatewayName, Subject>();
const heard: Record<string, string> = {};
const heardBehind: Record<string, string> = {};

beforeAll(async () => {
  for (const name of gatewayNames) {
    subjects.set(name, await startSubject(name));
    silenceSubjects.set(name, await startSubject(name));
  }
  silences = Promise.all(silent.flatMap(listen)).then(() => {});
});

afterAll(async () => {
  for (const subject of [...subjects.values(), ...silenceSubjects.values()]) await subject.close();
});

/** The case, and the case with a good request behind it. */
function listen(one: Case): Promise<void>[] {
  const subject = silenceSubjects.get(one.gateway ?? 'plain') as Subject;
  const pieces = piecesOf(one);
  const behind = [...pieces.slice(0, -1), (pieces.at(-1) as string) + probe(POISON)];
  return [
    observeSilence(subject, pieces).then((seen) => {
      heard[one.name] = seen;
    }),
    observeSilence(subject, behind).then((seen) => {
      heardBehind[one.name] = seen;
    }),
  ];
}

test('every gap is a case of the table, with a reason', () => {
  const names = new Set(cases.map(({ name }) => name));
  expect(Object.keys(gaps).filter((name) => !names.has(name))).toEqual([]);
  expect(Object.entries(gaps).filter(([, { reason }]) => reason.length < 20)).toEqual([]);
});

test.each(prompt.map((one) => [one.name, one] as const))('%s', async (name, one) => {
  expect(await observe(subjectOf(one), one)).toBe(gaps[name]?.seen);
});

test('what stands behind a refused one in the same segment reaches nothing', async () => {
  const final = prompt.filter(
    ({ name, expect: { answers, closes, reaches } }) =>
      // What is served here is refused elsewhere.
      !gaps[name]?.seen.startsWith('2') &&
      closes &&
      reaches.length === 0 &&
      answers.every(({ status }) => [status].flat().every((code) => code >= 400)),
  );
  for (const one of final)
    expect([one.name, await poisonComplaints(subjectOf(one), one)]).toEqual([one.name, []]);
});

test('those that get no answer: all at once, until the library gives up', async () => {
  await silences;
  expect(heard).toEqual(Object.fromEntries(silent.map(({ name }) => [name, SILENCE])));
  const reached = [...silenceSubjects.values()].flatMap(({ origin }) => origin.reached);
  expect(reached.filter(({ complete }) => complete).map(({ line }) => line)).toEqual([]);
  expect(reached.filter(({ line }) => line.includes(POISON))).toEqual([]);
});
