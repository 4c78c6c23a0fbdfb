// Whatever listens in the folders that run once for each listener is given the one under test.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { once, perListener } from './support/listeners.ts';

const files = perListener
  .flatMap((folder) => readdirSync(`test/${folder}`).map((name) => `test/${folder}/${name}`))
  .filter((file) => file.endsWith('.ts') && once[file] === undefined);

test.each(files)('%s', (file) => {
  const calls = readFileSync(file, 'utf8').match(/(?<!server)\.listen\([^)]*\)/g) ?? [];
  expect(calls.filter((call) => !call.includes('underTest'))).toEqual([]);
});

test('the files that run once are there', () => {
  expect(Object.keys(once).map((file) => readFileSync(file, 'utf8').length > 0)).not.toContain(false);
});
