// The rules of the probe's cases read as the suite means them: each kind of line decides, and the first that holds.
import { expect, test } from 'vitest';
import { type Answer, cases, judge, type Seen } from './suite.mjs';

const answer = (status: number, fields: Readonly<Record<string, string>> = {}, body = ''): Answer => ({
  status,
  fields: new Map(Object.entries(fields)),
  body,
});
const seen = (of: Partial<Seen>): Seen => ({
  interim: [],
  answer: null,
  others: [],
  isBare: false,
  isClosed: false,
  ...of,
});
const closed = seen({ isClosed: true });
const silent = seen({});

const table: readonly (readonly [rule: string, seen: Seen, verdict: string])[] = [
  ['pass 400', seen({ answer: answer(400) }), 'pass'],
  ['pass 400', seen({ answer: answer(401) }), 'fail'],
  ['pass 400', closed, 'fail'],
  ['pass 400; warn 2xx; pass closed', seen({ answer: answer(204) }), 'warn'],
  ['pass 400; warn 2xx; pass closed', closed, 'pass'],
  ['pass 400; warn 2xx; pass closed', silent, 'fail'],
  ['pass 400,501', seen({ answer: answer(501) }), 'pass'],
  ['pass silence', silent, 'pass'],
  ['pass silence', closed, 'fail'],
  ['pass any', seen({ answer: answer(599) }), 'pass'],
  ['pass any', silent, 'fail'],
  ['fail 101; pass any', seen({ answer: answer(101) }), 'fail'],
  ['pass 2xx ends; warn 2xx', seen({ answer: answer(200), isClosed: true }), 'pass'],
  ['pass 2xx ends; warn 2xx', seen({ answer: answer(200) }), 'warn'],
  ['fail any interim; pass any', seen({ interim: [100], answer: answer(200) }), 'fail'],
  ['fail any interim; pass any', seen({ answer: answer(200) }), 'pass'],
  ['fail silence interim; pass silence', seen({ interim: [100] }), 'fail'],
  ['pass 405 has allow; fail 405; warn any', seen({ answer: answer(405) }), 'fail'],
  ['pass 405 has allow; fail 405; warn any', seen({ answer: answer(405, { allow: 'GET' }) }), 'pass'],
  ['pass 2xx dated', seen({ answer: answer(200, { date: 'Sat, 21 Nov 2026 18:00:00 GMT' }) }), 'pass'],
  ['pass 2xx dated', seen({ answer: answer(200, { date: '2026-11-21' }) }), 'fail'],
  ['pass 2xx body hello world', seen({ answer: answer(200, {}, 'hello world\n') }), 'pass'],
  ['pass 2xx body hello', seen({ answer: answer(200, {}, 'hello!') }), 'fail'],
  ['pass 2xx body ', seen({ answer: answer(200, {}, 'x') }), 'fail'],
  ['warn 2xx holds secret', seen({ answer: answer(200, {}, 'a Secret') }), 'warn'],
  ['warn 2xx spells SECRET', seen({ answer: answer(200, {}, 'a secret') }), 'fail'],
  ['warn 2xx without a=1; pass 2xx', seen({ answer: answer(200, {}, 'a=2') }), 'warn'],
  ['warn 2xx echoes A_B: 9', seen({ answer: answer(200, {}, 'x: y\na_b: 9\n') }), 'warn'],
  ['warn 2xx echoes A_B: 9', seen({ answer: answer(200, {}, 'a_b: 99') }), 'fail'],
];

test.each(table)('%s', (rule, given, verdict) => {
  expect(judge(rule.split('; '), given)).toBe(verdict);
});

test('a line that is no rule is an error', () => {
  expect(() => judge(['allow 400'], silent)).toThrow('no rule');
  expect(() => judge(['pass 400 sometimes'], silent)).toThrow('no rule');
});

test('the suite is whole, and every rule of it can be read', () => {
  expect(cases.length).toBe(149);
  expect(new Set(cases.map(({ id }) => id)).size).toBe(149);
  expect(cases.filter(({ level }) => level === 'Must').length).toBe(96);
  for (const { rule } of cases) {
    expect(rule.length).toBeGreaterThan(0);
    for (const given of [silent, closed, seen({ answer: answer(200) }), seen({ answer: answer(400) })])
      for (const line of rule) judge([line], given);
  }
});
