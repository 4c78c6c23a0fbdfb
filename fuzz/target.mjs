// One built fuzz target: replayed, run, and its corpus made small.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { folderOf } from './corpus.mjs';

/** Inputs that failed. */
export const artifacts = fileURLToPath(new URL('artifacts/', import.meta.url));
const logs = fileURLToPath(new URL('../target/fuzz/logs/', import.meta.url));
const words = fileURLToPath(new URL('http.dict', import.meta.url));

/** An input may take 10 s and 1 GiB; longer ones than 4 KiB add nothing. */
const BOUNDS = ['-timeout=10', '-rss_limit_mb=1024', '-max_len=4096'];

/** Every kept input once. */
export async function replay(folder, target) {
  const inputs = readdirSync(folderOf(target)).length;
  return { inputs, ...(await start(folder, target, 'replay', [folderOf(target), '-runs=0', ...BOUNDS])) };
}

/** New inputs for some seconds, the same ones for the same `seed`; what reaches new code is added to the folder. */
export function fuzz(folder, target, secs, seed) {
  const args = [
    folderOf(target),
    `-max_total_time=${secs}`,
    // 0: another one each time.
    `-seed=${seed}`,
    `-dict=${words}`,
    '-print_final_stats=1',
    ...BOUNDS,
  ];
  return start(folder, target, 'fuzz', args);
}

/** A folder of the fewest and shortest inputs that reach the same edges. */
export async function minimise(folder, target) {
  const least = `${logs}${target}-least/`;
  rmSync(least, { recursive: true, force: true });
  mkdirSync(least, { recursive: true });
  const merged = await start(folder, target, 'merge', [
    '-merge=1',
    '-use_counters=0',
    least,
    folderOf(target),
    ...BOUNDS,
  ]);
  return { folder: least, ...merged };
}

/** One input, seen by whoever asked. */
export function reproduce(folder, target, input) {
  return spawnSync(`${folder}${target}`, [input], { stdio: 'inherit' }).status ?? 1;
}

async function start(folder, target, what, args) {
  mkdirSync(logs, { recursive: true });
  const log = `${logs}${target}-${what}.log`;
  const out = openSync(log, 'w');
  const child = spawn(`${folder}${target}`, [...args, `-artifact_prefix=${artifacts}${target}-`], {
    stdio: ['ignore', out, out],
  });
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', resolve);
  });
  const text = readFileSync(log, 'utf8');
  const input = /Test unit written to (.*)$/m.exec(text)?.[1];
  return { failed: code !== 0, log, input, figures: figures(text) };
}

function figures(text) {
  const last = (pattern) => [...text.matchAll(pattern)].at(-1)?.[1] ?? '?';
  return {
    runs: last(/stat::number_of_executed_units: (\d+)/g),
    perSecond: last(/stat::average_exec_per_sec: +(\d+)/g),
    edges: last(/cov: (\d+)/g),
  };
}
