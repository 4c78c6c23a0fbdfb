// Pinned child processes: started, measured from /proc, stopped with everything they started. Linux only.
import { spawn, spawnSync } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const TICKS = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
const running = new Set();

process.once('exit', () => {
  for (const child of running) signalTree(child.pid, 'SIGKILL');
});

/** Starts a program on one core, its output in a log file. */
export function startPinned(core, command, logFile, env = {}) {
  const log = openSync(logFile, 'w');
  const child = spawn('taskset', ['-c', String(core), ...command], {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  });
  // A spawn that fails is seen as a process that has exited.
  child.once('error', () => running.delete(child));
  child.once('exit', () => running.delete(child));
  running.add(child);
  return child;
}

/** Ends a program and its children; resolves when it is gone. */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  signalTree(child.pid, 'SIGTERM');
  const timer = setTimeout(() => signalTree(child.pid, 'SIGKILL'), 3000);
  await gone;
  clearTimeout(timer);
}

/** Resolves when something listens on the port. */
export async function listening(child, port, milliseconds = 30_000) {
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`exited with ${child.exitCode}`);
    if (await accepts(port)) return;
  }
  throw new Error(`does not listen on port ${port}`);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** `count` different ports that are free now. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The process and all its descendants. */
export function tree(pid) {
  const children = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(stat(entry)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const all = [pid];
  for (const one of all) all.push(...(children.get(one) ?? []));
  return all;
}

/** Seconds of user and system time that the processes have used; 10 ms steps. */
export function cpuSeconds(pids) {
  const ticks = pids
    .map((pid) => stat(pid))
    .map((fields) => (fields ? Number(fields[11]) + Number(fields[12]) : 0));
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS;
}

/** Resident memory in MiB. */
export function residentMiB(pids) {
  const kib = pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0));
  return kib.reduce((sum, one) => sum + one, 0) / 1024;
}

/**
 * Memory of its own in MiB: heap, stacks and slabs, without program text and without what the kernel holds for sockets.
 */
export function anonymousMiB(pids) {
  const kib = pids.map((pid) =>
    Number(/Anonymous:\s+(\d+)/.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0),
  );
  return kib.reduce((sum, one) => sum + one, 0) / 1024;
}

/** The fields of /proc/PID/stat from the state on (index 0). */
function stat(pid) {
  const text = read(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function signalTree(pid, signal) {
  if (pid === undefined) return;
  for (const one of tree(pid)) {
    try {
      process.kill(one, signal);
    } catch {
      // It has gone by itself.
    }
  }
}
