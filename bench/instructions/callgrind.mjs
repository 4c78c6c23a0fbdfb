// Runs cases of the example under callgrind, each in processes of its own; it judges no count.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Operations per run: a multiple of the samples that the cases walk through. */
const OPERATIONS = 8_000;
/** Runs at a time. */
const WORKERS = 2;

export const hasValgrind = () => spawnSync('valgrind', ['--version']).status === 0;

/**
 * Instructions per operation of every case: `{name: {median, spread}}` over `runs` processes. Hash keys are random per
 * process, so counts of hashed tables differ by a few instructions from one to the next.
 */
export async function countCases(binary, runs) {
  const names = spawnSync(binary, ['list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  const jobs = names.flatMap((name) => Array.from({ length: runs }, () => name));
  const counts = Object.fromEntries(names.map((name) => [name, []]));
  const worker = async () => {
    for (let name = jobs.shift(); name !== undefined; name = jobs.shift()) {
      counts[name].push(await countOnce(binary, name));
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  return Object.fromEntries(names.map((name) => [name, summary(counts[name])]));
}

/** Only what runs inside `measured` is collected: no set-up, no start of the process. */
async function countOnce(binary, name) {
  const options = ['--tool=callgrind', '--toggle-collect=*measured*', '--callgrind-out-file=/dev/null'];
  const { stderr } = await run('valgrind', [...options, binary, 'count', name, String(OPERATIONS)]);
  const collected = /Collected\s*:\s*(\d+)/.exec(stderr);
  if (!collected || Number(collected[1]) === 0) throw new Error(`callgrind counted nothing for ${name}`);
  return Number(collected[1]) / OPERATIONS;
}

function summary(counts) {
  const sorted = counts.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], spread: sorted.at(-1) - sorted[0] };
}
