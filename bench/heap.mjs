// Writes what a forwarded request allocates on the JavaScript heap: node bench/heap.mjs [--requests 1000000]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureHeap } from './heap/measure.mjs';
import { machineLine, runsFolder } from './machine.mjs';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '1000000' } } });
const seen = await measureHeap(Number(values.requests));
const at = new Date().toISOString();
const command = `node bench/heap.mjs --requests ${values.requests}`;
const text = [
  '# JavaScript heap a forwarded request costs',
  '',
  `${machineLine()}. \`${command}\`, ${at}.`,
  '',
  '| | bytes a request |',
  '|---|---|',
  `| forwarded request, every policy on | ${seen.forward.toFixed(0)} |`,
  `| bare uWebSockets.js handler that reads the same facts | ${seen.reading.toFixed(0)} |`,
  `| growth of the heap after a forced collection | ${seen.growth.toFixed(3)} |`,
  '',
].join('\n');
process.stdout.write(text);
const stem = join(runsFolder(), 'heap');
writeFileSync(`${stem}.md`, text);
writeFileSync(`${stem}.json`, `${JSON.stringify({ command, at, ...seen }, null, 1)}\n`);
