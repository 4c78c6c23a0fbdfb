// Every case of the table against the listener under test; what it does not meet stands in its list of gaps, with the reason.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Case, GatewayName } from './case.ts';
import { cases, tables } from './cases/index.ts';
import { gaps, gatewayNames, type Subject, startSubject } from './gateways.ts';
import { complaintsOf, poisonComplaints } from './run.ts';

test('names are unique, and there are cases enough', () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  expect(cases.length).toBeGreaterThan(80);
});

const subjects = new Map<GatewayName, Subject>();
const subjectOf = ({ gateway = 'plain' }: Case): Subject => subjects.get(gateway) as Subject;
const isGap = ({ name }: Case): boolean => gaps[name] !== undefined;

beforeAll(async () => {
  for (const name of gatewayNames) subjects.set(name, await startSubject(name));
});
afterAll(async () => {
  for (const subject of subjects.values()) await subject.close();
});

describe.each(Object.keys(tables))('%s', (table) => {
  for (const one of (tables[table] ?? []).filter((one) => !isGap(one))) {
    test(one.name, async () => {
      expect(await complaintsOf(subjectOf(one), one)).toEqual([]);
    });
  }
});

describe('a request behind a refused one, in the same segment, reaches nothing', () => {
  for (const one of cases.filter((one) => isFinal(one) && !isGap(one))) {
    test(one.name, async () => {
      expect(await poisonComplaints(subjectOf(one), one)).toEqual([]);
    });
  }
});

/** After these the connection ends, and nothing of the request was to reach the upstream. */
function isFinal({ expect: { closes, reaches }, ends }: Case): boolean {
  return closes && reaches.length === 0 && !ends;
}
