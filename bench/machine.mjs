// Where and with what a benchmark ran, and the folder that keeps its results.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** First line that a command prints, or null when it is not there. */
export function versionOf(command, ...args) {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n')[0] || null;
}

/** Processor, cores, memory, kernel, Node. */
export function machine() {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    rustc: versionOf('rustc', '--version'),
    ferrogate: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
  };
}

/** Makes and returns `bench/runs/DATE-MACHINE/` as a path. */
export function runsFolder() {
  const { cpu, cores } = machine();
  const slug = cpu.toLowerCase().replace(/\W+/g, '-').replace(/^-|-$/g, '').slice(0, 32);
  const date = new Date().toISOString().slice(0, 10);
  const folder = fileURLToPath(new URL(`runs/${date}-${slug}-${cores}c/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** One line for the head of a table. */
export function machineLine() {
  const { cpu, cores, memoryGiB, kernel, node, rustc } = machine();
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, ${rustc}`;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
