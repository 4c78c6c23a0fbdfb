// Access records travel in batches to a logger or a stream; dropped ones are told once.
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Logger } from '../../src/observe/logger.ts';
import { createRecords, type Records, type RecordsOptions } from '../../src/observe/records.ts';

let waiting: string[] = [];
let dropped = 0;
let takes = 0;
let said: [message: string, fields: object][] = [];
let records: Records | undefined;

const logger: Logger = {
  info: (fields, message) => void said.push([message, fields]),
  warn: (fields, message) => void said.push([message, fields]),
  error() {},
};

function take(max: number): { lines: string; dropped: number } {
  takes += 1;
  const lines = waiting.splice(0, max).map((line) => `${line}\n`);
  const lost = dropped;
  dropped = 0;
  return { lines: lines.join(''), dropped: lost };
}

function begin(sink: RecordsOptions['sink'], more: Partial<RecordsOptions> = {}): Records {
  records = createRecords({ take, sink, logger, ...more });
  return records;
}

function slowStream(highWaterMark: number): { stream: Writable; written: string[]; release(): void } {
  const written: string[] = [];
  let done = (): void => {};
  const stream = new Writable({
    highWaterMark,
    decodeStrings: false,
    write(chunk: string, _, callback) {
      written.push(chunk);
      done = callback;
    },
  });
  return { stream, written, release: () => done() };
}

beforeEach(() => {
  vi.useFakeTimers();
  waiting = [];
  dropped = 0;
  takes = 0;
  said = [];
});

afterEach(() => {
  records?.close();
  vi.useRealTimers();
});

it('writes the lines of one interval in one write', () => {
  const { stream, written } = slowStream(1_000_000);
  begin(stream);
  waiting = ['{"a":1}', '{"a":2}'];
  vi.advanceTimersByTime(199);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(written).toEqual(['{"a":1}\n{"a":2}\n']);
});

it('gives a logger one object for each record', () => {
  begin(logger, { intervalMs: 10 });
  waiting = ['{"status":200}', '{"status":404}'];
  vi.advanceTimersByTime(10);
  expect(said).toEqual([
    ['request', { status: 200 }],
    ['request', { status: 404 }],
  ]);
});

it('empties what is more than one batch, within bounds', () => {
  begin(logger);
  waiting = Array.from({ length: 100_000 }, () => '{}');
  vi.advanceTimersByTime(200);
  expect(said).toHaveLength(16 * 2_048);
  expect(takes).toBe(16);
});

it('takes nothing while the stream does not keep up, and goes on when it does', async () => {
  const { stream, written, release } = slowStream(1);
  begin(stream);
  waiting = ['{"a":1}'];
  vi.advanceTimersByTime(200);
  waiting = ['{"a":2}'];
  vi.advanceTimersByTime(1_000);
  expect(written).toEqual(['{"a":1}\n']);
  expect(takes).toBe(1);
  const drained = new Promise((resolve) => stream.once('drain', resolve));
  release();
  await drained;
  vi.advanceTimersByTime(200);
  expect(written).toEqual(['{"a":1}\n', '{"a":2}\n']);
});

it('tells the number of dropped records once an interval', () => {
  begin(logger);
  dropped = 7;
  vi.advanceTimersByTime(1_000);
  expect(said).toEqual([['access records were dropped', { dropped: 7 }]]);
});

it('writes what waits when closed, and nothing after', () => {
  const running = begin(logger);
  waiting = ['{"last":true}'];
  running.close();
  waiting = ['{}'];
  vi.advanceTimersByTime(1_000);
  expect(said).toEqual([['request', { last: true }]]);
  expect(vi.getTimerCount()).toBe(0);
});
