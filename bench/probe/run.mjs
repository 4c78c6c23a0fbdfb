// Runs the public suite Http11Probe against this gateway and others in front of the same counting origin, by the runner that the
// tests use: npm run probe [-- --targets nginx,HAProxy] [--smoke]. ENVOY=PROGRAM adds Envoy.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProbe, score, startOrigin } from '../../test/conformance/probe/suite.mjs';
import { freePorts, listening, startPinned, stop } from '../load/process.mjs';
import { findEnvoy, has } from '../load/programs.mjs';
import { versions } from '../load/report.mjs';
import { machine, runsFolder } from '../machine.mjs';
import { document } from './report.mjs';
import { targets } from './targets.mjs';

const { values: options } = parseArgs({
  options: {
    targets: { type: 'string', default: Object.keys(targets).join(',') },
    /** Nothing is written. */
    smoke: { type: 'boolean', default: false },
  },
});
const names = options.targets.split(',');
const unknown = names.filter((name) => targets[name] === undefined);
if (unknown.length > 0)
  throw new Error(`unknown target ${unknown.join(', ')}: ${Object.keys(targets).join(', ')}`);

const run = mkdtempSync(join(tmpdir(), 'ferrogate-probe-'));
// The workers of nginx run under another user.
chmodSync(run, 0o755);
process.once('exit', () => rmSync(run, { recursive: true, force: true }));
const envoy = findEnvoy(run);

const seen = {};
const left = {};
for (const name of names) {
  const { needs } = targets[name];
  const isThere = needs === undefined || (needs === 'envoy' ? envoy !== null : has(needs));
  if (isThere) seen[name] = await probe(name);
  else left[name] = needs === 'envoy' ? 'set ENVOY to a program' : `${needs} is not installed`;
}
report();

async function probe(name) {
  const { file, config, command } = targets[name];
  const [port] = await freePorts(1);
  const origin = await startOrigin();
  const context = { run, port, origin: origin.port, envoy };
  if (file !== undefined) writeFileSync(join(run, file), config(context));
  const child = startPinned(0, command(context), join(run, 'target.log'), { NODE_ENV: 'production' });
  try {
    await listening(child, port);
    const { results, strays } = await runProbe({ port, origin });
    return { score: score(results), strays, results };
  } finally {
    await stop(child);
    await origin.close();
  }
}

function report() {
  const at = new Date().toISOString();
  const programs = versions(envoy);
  const { wrk: _, ...rivals } = programs;
  const text = document({ at, programs: rivals, seen, left });
  process.stdout.write(text);
  if (options.smoke) return;
  const stem = join(runsFolder(), 'probe');
  const results = Object.fromEntries(Object.entries(seen).map(([name, one]) => [name, keptOf(one)]));
  const kept = { command: 'npm run probe', at, programs: rivals, machine: machine(), left, targets: results };
  writeFileSync(`${stem}.json`, `${JSON.stringify(kept, null, 1)}\n`);
  writeFileSync(`${stem}.md`, text);
  process.stderr.write(`wrote ${stem}.json and ${stem}.md\n`);
}

/** Each case in one line; `in part`: what reached the origin and broke off. */
function keptOf({ score, strays, results }) {
  const lineOf = ({ verdict, seen, parts }) =>
    `${verdict}: ${seen}${parts.length > 0 ? `; in part: ${parts.join(', ')}` : ''}`;
  return { score, strays, cases: Object.fromEntries(results.map((one) => [one.id, lineOf(one)])) };
}
