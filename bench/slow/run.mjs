// Slow clients against the gateway with its defaults, and what a probe sees meanwhile: npm run bench:slow [-- --secs N --connections N --kinds TEXT --smoke]
// The gateway has one core, everything else the other. It judges nothing.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensure } from '../../test/support/ensure.mjs';
import { originNginx } from '../load/configs.mjs';
import { freePorts, listening, residentMiB, startPinned, stop, tree } from '../load/process.mjs';
import { machine, machineLine, runsFolder, versionOf } from '../machine.mjs';
import { commandOf, kinds } from './kinds.mjs';
import { quantile, startProbe } from './probe.mjs';

const { values: options } = parseArgs({
  options: {
    secs: { type: 'string', default: '25' },
    connections: { type: 'string', default: '1000' },
    /** Those of `kinds.mjs` whose names hold this text. */
    kinds: { type: 'string', default: '' },
    /** Two seconds of each; nothing is written. */
    smoke: { type: 'boolean', default: false },
  },
});
const seconds = options.smoke ? 2 : Number(options.secs);
const connections = Number(options.connections);
const listeners = {
  native: { listener: 'native', threads: 1 },
  'native, "loop"': { listener: 'native', threads: 'loop' },
  uws: { listener: 'uws' },
};
const script = (name) => fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ferrogate-slow-'));
// The workers of nginx read under another user.
chmodSync(folder, 0o755);
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
// The probe shares its core with the slow clients.
spawnSync('taskset', ['-cp', '1', String(process.pid)]);
await main();

async function main() {
  if (!ensure(['nginx'])) process.exit(1);
  const tool = ensure(['slowhttptest']) ? 'slowhttptest' : 'generator';
  const rows = [];
  for (const [listener, listen] of Object.entries(listeners)) {
    const wanted = Object.keys(kinds).filter((kind) => kind.includes(options.kinds));
    for (const kind of wanted) rows.push(await measure(listener, listen, kind, tool));
  }
  const text = document(rows, tool);
  process.stdout.write(text);
  if (options.smoke) return;
  const at = new Date().toISOString();
  const stem = join(runsFolder(), 'slow');
  const kept = { command: 'npm run bench:slow', at, machine: machine(), tool, seconds, connections, rows };
  writeFileSync(`${stem}.json`, `${JSON.stringify(kept, null, 1)}\n`);
  writeFileSync(`${stem}.md`, text);
  process.stderr.write(`wrote ${stem}.json and ${stem}.md\n`);
}

async function measure(listener, listen, kind, tool) {
  const [port, admin, originPort, largePort] = await freePorts(4);
  const origin = startPinned(1, [process.execPath, script('origin'), String(originPort)], log('origin'));
  const large = startPinned(1, largeOrigin(largePort), log('large'));
  const command = [script('gateway'), port, admin, originPort, largePort, JSON.stringify(listen)].map(String);
  const gateway = startPinned(0, [process.execPath, ...command], log('gateway'));
  try {
    const open = [listening(origin, originPort), listening(large, largePort), listening(gateway, port)];
    await Promise.all(open);
    const bed = { port, admin, pids: tree(gateway.pid) };
    const seen = await underSlow(bed, kinds[kind], tool);
    process.stderr.write(`${listener}, ${kind}: p99 ${seen.p99.toFixed(1)} ms\n`);
    return { listener, kind, ...seen };
  } finally {
    await Promise.all([gateway, origin, large].map(stop));
  }
}

async function underSlow({ port, admin, pids }, kind, tool) {
  const slow = kind && startPinned(1, commandOf(kind, tool, { port, connections, seconds }), log('slow'));
  const probe = startProbe(port);
  let peak = 0;
  let peakMiB = 0;
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(500)) {
    peak = Math.max(peak, (await metrics(admin)).open);
    peakMiB = Math.max(peakMiB, residentMiB(pids));
  }
  const { outcomes, latencies } = await probe.stop();
  const { timeouts } = await metrics(admin);
  if (slow) await stop(slow);
  const [p50, p99] = [0.5, 0.99].map((share) => quantile(latencies, share));
  return { open: peak, timeouts, outcomes, p50, p99, max: Math.max(...latencies), peakMiB, latencies };
}

async function metrics(admin) {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  const open = Number(/^ferrogate_connections_open\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
  const found = text.matchAll(/^ferrogate_client_timeouts_total\{.*clock="(\w+)".*\} (\d+)$/gm);
  const timeouts = Object.fromEntries([...found].map(([, clock, n]) => [clock, Number(n)]));
  return { open, timeouts };
}

/** What slow readers read: a server in JavaScript is so busy with a thousand of them that the probe's answers wait for it. */
function largeOrigin(port) {
  const run = folder;
  writeFileSync(join(run, 'large.json'), Buffer.alloc(1024 * 1024, 'a'));
  writeFileSync(join(run, 'origin.conf'), originNginx({ run, port, body: 'hello', largePath: '/large' }));
  return ['nginx', '-e', join(run, 'origin.err'), '-p', run, '-c', join(run, 'origin.conf')];
}

function log(name) {
  return join(folder, `${name}.log`);
}

function document(rows, tool) {
  const [busy] = loadavg();
  const made = tool === 'slowhttptest' ? versionOf('slowhttptest', '-h') : 'the generator of the tests';
  return [
    '# Slow clients',
    '',
    `${machineLine()}. \`npm run bench:slow\`, ${new Date().toISOString()}; load average ${busy.toFixed(1)}.`,
    `${connections} slow clients at once, made by slowhttptest or else the generator of the tests (here: ${made}), for ${seconds} s, against the gateway`,
    'with its defaults on one core; origins, slow clients and probe share the other. The probe asks every 100 ms over a connection of its own;',
    'latencies in milliseconds from the intended moment.',
    '',
    '| listener | slow clients | most connections open | ended by a clock | probes | not 200 | p50 | p99 | max | peak RSS, MiB |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map(line),
    '',
  ].join('\n');
}

function line({ listener, kind, open, timeouts, outcomes, p50, p99, max, peakMiB }) {
  const clocks = Object.entries(timeouts).filter(([, count]) => count > 0);
  const ended =
    clocks.map(([clock, count]) => `${clock} ${count}`).join(', ') ||
    (listener === 'uws' ? 'not told' : 'none');
  const all = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const figures = [p50, p99, max].map((ms) => ms.toFixed(1)).join(' | ');
  return `| ${listener} | ${kind} | ${open} | ${ended} | ${all} | ${all - (outcomes[200] ?? 0)} | ${figures} | ${peakMiB.toFixed(0)} |`;
}
