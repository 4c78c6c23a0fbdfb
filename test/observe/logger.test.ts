// The default logger writes one flat JSON line per message.
import { expect, it } from 'vitest';
import { createLogger, errorOf, type Logger, unfailing } from '../../src/observe/logger.ts';

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

const hostile = [
  'a\r\n{"level":"error"}',
  '\u001b[31m\u0007\0',
  '\u007f\u0085\u009b31m',
  '\u2028\u2029\ufeff',
  '\u202eright\u2066left\u200b',
  '"quotes" \\ and \'more\' </script>',
  '\ud800 alone, \ud83d\ude00 a pair, é',
];

it.each(hostile)('writes printable ASCII whatever a value holds: %j', (text) => {
  let written = '';
  const logger = createLogger({ write: (line) => (written += line) }, () => 1_000);
  const err = Object.assign(new Error(text), { code: text });
  logger.error({ err, [text]: text, list: [text], deep: { [text]: text } }, text);
  expect(written).toMatch(/^[\x20-\x7e]+\n$/);
  const line = JSON.parse(written) as Record<string, unknown>;
  expect(line).toMatchObject({
    level: 'error',
    msg: text,
    err: text,
    code: text,
    [text]: text,
    list: [text],
    deep: { [text]: text },
  });
});

it('writes what cannot be written as unprintable', () => {
  const loop: { self?: object } = {};
  loop.self = loop;
  expect(lineOf({ loop })).toEqual({ level: 'warn', time: 1_000, msg: 'hello', unprintable: true });
});

it('writes what throws when it is read as unprintable', () => {
  const oops = (): never => {
    throw new Error('oops');
  };
  const err = Object.defineProperty(new Error('x'), 'message', { get: oops });
  const unprintable = { level: 'warn', time: 1_000, msg: 'hello', unprintable: true };
  expect(lineOf({ err })).toEqual(unprintable);
  expect(lineOf({ value: new Proxy({}, { ownKeys: oops, get: oops }) })).toEqual(unprintable);
});

it('an unfailing logger tells what its logger lost elsewhere, and never throws', async () => {
  const lines: string[] = [];
  const instead = createLogger({ write: (text) => lines.push(text) }, () => 1_000);
  const oops = (): never => {
    throw new Error('oops');
  };
  const broken: Logger = { info: oops, warn: async () => oops(), error: oops };
  const logger = unfailing(broken, instead);
  logger.info({ at: 1 }, 'thrown');
  logger.warn({ at: 2 }, 'rejected');
  await Promise.resolve();
  await Promise.resolve();
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 'info', at: 1, msg: 'thrown', loggerFailed: true },
    { level: 'warn', at: 2, msg: 'rejected', loggerFailed: true },
  ]);
  unfailing(broken, broken).error({}, 'nobody hears');
});

it.each([
  ['text', 'text'],
  [null, 'null'],
  [Object.create(null), 'something was thrown that cannot be shown'],
  [Symbol('s'), 'Symbol(s)'],
])('what was thrown becomes an Error', (thrown, message) => {
  expect(errorOf(thrown).message).toBe(message);
});
