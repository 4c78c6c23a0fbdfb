// The default logger writes one flat JSON line per message.
import { expect, it } from 'vitest';
import { createLogger } from '../../src/observe/logger.ts';

function lineOf(fields: object): Record<string, unknown> {
  let written = '';
  createLogger({ write: (text) => (written += text) }, () => 1_000).warn(fields, 'hello');
  expect(written.endsWith('\n')).toBe(true);
  expect(written.indexOf('\n')).toBe(written.length - 1);
  return JSON.parse(written) as Record<string, unknown>;
}

it.each([
  [{}, {}],
  [
    { port: 1, text: 'a\nb' },
    { port: 1, text: 'a\nb' },
  ],
  [{ big: 12345678901234567890n }, { big: '12345678901234567890' }],
  [{ time: 5, level: 'x', msg: 'y', kept: 1 }, { kept: 1 }],
])('fields %s', (fields, expected) => {
  expect(lineOf(fields)).toEqual({ level: 'warn', time: 1_000, msg: 'hello', ...expected });
});

it('writes an error as its message, with code and stack beside it', () => {
  const err = Object.assign(new Error('broken'), { code: 'E_BROKEN' });
  expect(lineOf({ err })).toMatchObject({ err: 'broken', code: 'E_BROKEN', stack: err.stack });
});

it('writes what cannot be written as unprintable', () => {
  const loop: { self?: object } = {};
  loop.self = loop;
  expect(lineOf({ loop })).toEqual({ level: 'warn', time: 1_000, msg: 'hello', unprintable: true });
});
