// The ways to send load to a running target; each returns the figures of one round. None compares.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { loadedPath } from '../inputs/routes.mjs';
import { holdIdle } from './idle.mjs';
import { largePath } from './options.mjs';
import { anonymousMiB, cpuSeconds, residentMiB, tree } from './process.mjs';
import { wrk } from './wrk.mjs';

const run = promisify(execFile);
/** Memory is looked at so often while many connections are open; each look costs the machine some milliseconds. */
const LOOK_MS = 500;
const MANY = 1000;
/** Of the open loop: connections of the target to its upstream are made. */
const WARM_UP_SECONDS = 2;

/** Closed loop: each connection sends its next request when it has its answer. */
export async function closed(bed, name, { connections, seconds, isLarge = false, isFresh = false }) {
  const { port, idleMiB } = bed.up.get(name);
  const url = `http://127.0.0.1:${port}${isLarge ? largePath : loadedPath}`;
  const tokensFile = isFresh ? bed.freshFile : null;
  const send = () => wrk({ url, connections, seconds, token: bed.token, tokensFile });
  const seen = await measured(bed, name, connections >= MANY, send);
  return { ...seen, aboveIdleMiB: seen.peakMiB - idleMiB };
}

/** Open loop: `rate` requests a second, whatever becomes of them; latencies count from the intended time. */
export async function open(bed, name, { connections, rate, seconds }) {
  const { port, idleMiB } = bed.up.get(name);
  const requestsFile = join(bed.run, 'requests.txt');
  const lines = [`GET ${loadedPath} HTTP/1.1`, 'Host: api.test', `Authorization: Bearer ${bed.token}`];
  writeFileSync(requestsFile, `${lines.join('\r\n')}\r\n\r\n`);
  const args = [`127.0.0.1:${port}`, connections, rate, WARM_UP_SECONDS, seconds, requestsFile].map(String);
  const send = async () => {
    const { stdout } = await run('taskset', ['-c', '1', bed.openBinary, ...args]);
    const { answered, warmUpAnswered, unanswered, broken, reopened, ...rest } = JSON.parse(stdout);
    const faults = { unanswered, broken, reopened };
    const said = Object.entries(faults).filter(([, count]) => count > 0);
    const socketErrors =
      said.length === 0 ? null : said.map(([what, count]) => `${what} ${count}`).join(', ');
    // The warm-up is in the CPU time, so it is in the requests.
    return { ...rest, requests: answered + warmUpAnswered, rps: answered / seconds, socketErrors };
  };
  const seen = await measured(bed, name, connections >= MANY, send);
  return { ...seen, aboveIdleMiB: seen.peakMiB - idleMiB };
}

/** Idle keep-alive connections: memory for each, from none to the larger number and from the smaller to the larger. */
export async function idle(bed, name, { counts: [few, many] }) {
  const { child, port } = bed.up.get(name);
  const look = async () => {
    await sleep(1000);
    return anonymousMiB(tree(child.pid));
  };
  const held = holdIdle({ port, path: loadedPath, token: bed.token });
  try {
    // What the first requests allocate once is not what a connection costs.
    await held.open(64);
    held.close();
    const none = await look();
    await held.open(few);
    const atFew = await look();
    await held.open(many);
    const atMany = await look();
    const kib = (mib, connections) => (mib * 1024) / connections;
    return {
      connections: many,
      kibEach: kib(atMany - none, many),
      kibEachFurther: kib(atMany - atFew, many - few),
      noneMiB: none,
      peakMiB: atMany,
      non2xx: 0,
      socketErrors: held.lost() === 0 ? null : `${held.lost()} closed by the server`,
    };
  } finally {
    held.close();
  }
}

/** CPU time of the target and the origin around `send`, and memory. */
async function measured(bed, name, looks, send) {
  const pids = tree(bed.up.get(name).child.pid);
  const originPids = tree(bed.origin.pid);
  let peakMiB = 0;
  const look = () => {
    peakMiB = Math.max(peakMiB, anonymousMiB(pids));
  };
  const timer = looks ? setInterval(look, LOOK_MS) : undefined;
  const before = { cpu: cpuSeconds(pids), origin: cpuSeconds(originPids), at: performance.now() };
  const seen = await send().finally(() => clearInterval(timer));
  if (seen.requests === 0) throw new Error('no request was answered');
  const cpu = cpuSeconds(pids) - before.cpu;
  const lasted = performance.now() - before.at;
  look();
  const figures = {
    ...seen,
    cpuMicros: (cpu / seen.requests) * 1e6,
    originMicros: ((cpuSeconds(originPids) - before.origin) / seen.requests) * 1e6,
    busyPercent: (cpu / lasted) * 1e5,
    rssMiB: residentMiB(pids),
    peakMiB,
    stealPercent: stealPercent(),
  };
  // Sockets of the run before settle.
  await sleep(200);
  return figures;
}

let lastSteal = null;

/** Time that the hypervisor gave to others since the last call, in percent of all; a machine of its own has none. */
function stealPercent() {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  const now = { steal: fields[7] ?? 0, all: fields.slice(0, 8).reduce((sum, one) => sum + one, 0) };
  const last = lastSteal ?? now;
  lastSteal = now;
  return now.all === last.all ? 0 : ((now.steal - last.steal) / (now.all - last.all)) * 100;
}
