// Writes what a forwarded request allocates on the JavaScript heap: node bench/heap.mjs [--requests 1000000]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listeners, measureHeap } from './heap/measure.mjs';
import { machineLine, runsFolder } from './machine.mjs';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    listeners: { type: 'string', default: Object.keys(listeners).join(',') },
  },
});
const seen = {};
const left = [];
for (const name of values.listeners.split(',')) {
  if (listeners[name] === undefined) throw new Error(`unknown listener ${name}`);
  try {
    seen[name] = await measureHeap(Number(values.requests), name);
  } catch (error) {
    left.push(`${name}: ${error.message}`);
  }
}
const at = new Date().toISOString();
const command = `node bench/heap.mjs --requests ${values.requests} --listeners ${values.listeners}`;
const rows = Object.entries(seen).map(
  ([name, { forward, reading, growth }]) =>
    `| ${name} | ${forward.toFixed(2)} | ${growth.toFixed(3)} | ${reading.toFixed(0)} |`,
);
const text = [
  '# JavaScript heap a forwarded request costs, every policy on',
  '',
  `${machineLine()}. \`${command}\`, ${at}.`,
  '',
  '| listener | bytes a request | growth of the heap after a forced collection | beside it: a bare uWebSockets.js handler that reads the same facts |',
  '|---|---|---|---|',
  ...rows,
  '',
  ...left.map((reason) => `Left out: ${reason}.\n`),
].join('\n');
process.stdout.write(text);
const stem = join(runsFolder(), 'heap');
writeFileSync(`${stem}.md`, text);
writeFileSync(`${stem}.json`, `${JSON.stringify({ command, at, left, listeners: seen }, null, 1)}\n`);
process.exitCode = left.length > 0 ? 1 : 0;
