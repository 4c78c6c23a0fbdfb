// Files that change on disk are noticed however they are exchanged, and nothing else is.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileWatch, type WatchTimes } from '../../src/source/watch.ts';

let folder = '';
let watch: FileWatch | undefined;
let calls = 0;
let next: () => void = () => {};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrogate-watch-'));
  calls = 0;
});
afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]): string => join(folder, ...names);
const told = (): Promise<void> => new Promise((resolve) => (next = resolve));

/** Watches, and waits for the first look. */
async function watching(files: readonly string[], times: Partial<WatchTimes>): Promise<FileWatch> {
  const made = new FileWatch(() => {
    calls += 1;
    next();
  }, times);
  watch = made;
  const first = told();
  made.set(files);
  await first;
  return made;
}

describe.each([
  ['told by the folder', { settle: 1, poll: 3_600_000 }],
  // The settling never ends, so the poll alone looks.
  ['looked at in turn', { settle: 3_600_000, poll: 5 }],
])('%s', (_, times) => {
  it.each([
    ['written in place', () => writeFileSync(at('a'), 'second')],
    [
      'replaced by renaming',
      () => {
        writeFileSync(at('new'), 'second');
        renameSync(at('new'), at('a'));
      },
    ],
    ['removed', () => rmSync(at('a'))],
  ])('a file that is %s', async (_, change) => {
    writeFileSync(at('a'), 'first');
    await watching([at('a'), at('b')], times);
    writeFileSync(at('unrelated'), 'x');
    const changed = told();
    change();
    await changed;
    expect(calls).toBe(2);
  });

  it('a file that comes later', async () => {
    await watching([at('a')], times);
    const changed = told();
    writeFileSync(at('a'), 'first');
    await changed;
    expect(calls).toBe(2);
  });

  it('files behind a folder link that is exchanged, as Kubernetes does it', async () => {
    for (const version of ['..1', '..2']) {
      mkdirSync(at(version));
      writeFileSync(at(version, 'tls.crt'), version);
    }
    symlinkSync('..1', at('..data'));
    symlinkSync(join('..data', 'tls.crt'), at('tls.crt'));
    await watching([at('tls.crt')], times);
    const changed = told();
    symlinkSync('..2', at('..next'));
    renameSync(at('..next'), at('..data'));
    await changed;
    expect(calls).toBe(2);
  });
});

it('the same files again are not looked at anew, others are', async () => {
  writeFileSync(at('a'), 'first');
  const made = await watching([at('a')], { settle: 1, poll: 5 });
  made.set([at('a')]);
  const changed = told();
  made.set([at('a'), at('b')]);
  await changed;
  expect(calls).toBe(2);
});

it('a folder that does not exist is left to the poll', async () => {
  await watching([at('later', 'a')], { settle: 1, poll: 5 });
  const changed = told();
  mkdirSync(at('later'));
  writeFileSync(at('later', 'a'), 'first');
  await changed;
});
