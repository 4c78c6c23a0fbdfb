// Counts the data plane's instructions per operation under callgrind and holds them to bench/instructions/counts.json.
//   node bench/instructions/run.mjs            count and show beside the kept counts
//   node bench/instructions/run.mjs --check    fail when one rose by 3 % or cost grows with routes or keys
//   node bench/instructions/run.mjs --update   keep what was counted
//   node bench/instructions/run.mjs --time     nanoseconds instead, without valgrind
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildExample } from './build.mjs';
import { countCases, hasValgrind } from './callgrind.mjs';

const keptFile = new URL('counts.json', import.meta.url);

/** A count may be this many times the kept one. */
const MAX_RISE = 1.03;
/** What a decision may cost on the large table, as a multiple of the small one. */
const GROWTH = [
  { what: '1 → 10,000 routes', small: 'decision-1', large: 'decision-10000-routes', max: 1.25 },
  { what: '1 → 1,000,000 keys', small: 'decision-10000-routes', large: 'decision-1000000-keys', max: 1.05 },
];

const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean' },
    update: { type: 'boolean' },
    time: { type: 'boolean' },
    /** A binary that is built already. */
    binary: { type: 'string' },
    runs: { type: 'string', default: '1' },
  },
});

process.exitCode = await main();

async function main() {
  if (!options.time && !hasValgrind()) {
    process.stderr.write('instruction counts need valgrind: install the Debian package "valgrind"\n');
    return process.env.CI === 'true' ? 1 : 0;
  }
  const binary = options.binary ?? buildExample('instructions');
  if (options.time) {
    const { spawnSync } = await import('node:child_process');
    return spawnSync(binary, ['time'], { stdio: 'inherit' }).status ?? 1;
  }
  const counted = await countCases(binary, Number(options.runs));
  const kept = readKept();
  print(counted, kept);
  if (options.update) keep(counted);
  const faults = [...(options.check ? risen(counted, kept) : []), ...grown(counted)];
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return options.check && faults.length > 0 ? 1 : 0;
}

function readKept() {
  try {
    return JSON.parse(readFileSync(keptFile, 'utf8')).perOperation;
  } catch {
    return {};
  }
}

function print(counted, kept) {
  const lines = ['| case | instructions | kept | change |', '|---|---|---|---|'];
  for (const [name, { median, spread }] of Object.entries(counted)) {
    const before = kept[name];
    const change = before === undefined ? '' : `${((median / before - 1) * 100).toFixed(2)} %`;
    const wobble = spread === 0 ? '' : ` ± ${spread.toFixed(1)}`;
    lines.push(`| ${name} | ${median.toFixed(1)}${wobble} | ${before ?? ''} | ${change} |`);
  }
  for (const { what, small, large, max } of GROWTH) {
    const ratio = counted[large].median / counted[small].median;
    lines.push(`| a decision, ${what} | ${ratio.toFixed(3)} x | at most ${max} x | |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function keep(counted) {
  const perOperation = Object.fromEntries(
    Object.entries(counted).map(([name, { median }]) => [name, Math.round(median * 10) / 10]),
  );
  const text = JSON.stringify({ command: 'node bench/instructions/run.mjs --update', perOperation }, null, 2);
  writeFileSync(keptFile, `${text}\n`);
  process.stdout.write(`wrote ${fileURLToPath(keptFile)}\n`);
}

function risen(counted, kept) {
  return Object.entries(counted).flatMap(([name, { median }]) => {
    const before = kept[name];
    if (before === undefined) return [`${name}: no count is kept; run with --update`];
    if (median <= before * MAX_RISE) return [];
    return [`${name}: ${median.toFixed(1)} instructions, kept are ${before}: more than 3 % above`];
  });
}

function grown(counted) {
  return GROWTH.flatMap(({ what, small, large, max }) => {
    const ratio = counted[large].median / counted[small].median;
    return ratio <= max ? [] : [`a decision, ${what}: ${ratio.toFixed(3)} x, allowed are ${max} x`];
  });
}
