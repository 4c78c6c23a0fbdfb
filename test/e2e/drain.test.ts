// SIGTERM under load: the executable answers every request that reached the upstream or a handler, refuses the others, and exits with 0.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { GatewayConfig } from '../../src/index.ts';
import { handlerModule } from '../support/handler-modules.ts';
import { isNative, underTest } from '../support/listeners.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const script = fileURLToPath(new URL('../support/children/keep-asking.mjs', import.meta.url));
const connections = 32;

interface Told {
  readonly answered: readonly number[];
  readonly other: Readonly<Record<string, number>>;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ferrogate-drain-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The executable with this configuration and the listener under test; resolves when it listens. */
async function startExecutable(config: GatewayConfig): Promise<{ gateway: ChildProcess; port: number }> {
  const file = join(folder(), 'ferrogate.json');
  writeFileSync(file, JSON.stringify({ ...config, listen: { ...config.listen, ...underTest } }));
  const args = [executable, 'start', '--config', file, '--port', '0', '--admin-port', '0'];
  const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void gateway.kill('SIGKILL'));
  const [line] = (await once(createInterface(gateway.stdout), 'line')) as [string];
  return { gateway, port: Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]) };
}

function keepAsking(port: number, target: string): Promise<Told> {
  const argument = JSON.stringify({ port, connections, target });
  const client = fork(script, [argument], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  onTestFinished(() => void client.kill('SIGKILL'));
  return new Promise((resolve) => {
    client.once('message', (message) => resolve(message as Told));
  });
}

/** What is served, and the numbers of the requests that were taken so far. */
interface Served {
  readonly config: GatewayConfig;
  readonly target: string;
  taken(): number[];
}

/** Every third answer takes a while, so that some are always under way. */
async function upstreamServes(): Promise<Served> {
  let number = 0;
  const up = await startUpstream((_, response) => {
    number += 1;
    if (number % 3 === 0) setTimeout(() => response.end('later'), 20);
    else response.end('at once');
  });
  const upstreams = { back: { targets: [up.url] } };
  return {
    config: { upstreams, routes: [{ match: { path: '/up' }, upstream: 'back' }] },
    target: '/up',
    taken: () => up.seen.map(({ url }) => Number(url.split('?')[1])),
  };
}

/** Handlers note what they take in a file. */
async function handlersServe(): Promise<Served> {
  const file = join(folder(), 'taken');
  writeFileSync(file, '');
  vi.stubEnv('FERROGATE_TEST_TAKEN', file);
  onTestFinished(() => void vi.unstubAllEnvs());
  const workers = isNative ? { workers: 2 } : {};
  return {
    config: { listen: { handlers: handlerModule('told'), ...workers } },
    target: '/js',
    taken: () => readFileSync(file, 'utf8').split('\n').slice(0, -1).map(Number.parseFloat),
  };
}

it.each([
  ['an upstream', 1, upstreamServes],
  ['an upstream', 2, upstreamServes],
  ['handlers', 1, handlersServe],
  ['handlers', 2, handlersServe],
] as const)('no request that %s took is lost, round %i', async (_who, _round, serves) => {
  const { config, target, taken } = await serves();
  const { gateway, port } = await startExecutable({ records: false, ...config });
  const told = keepAsking(port, target);
  await until('a good many requests', () => taken().length > 1_500);
  const ended = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  const { answered, other } = await told;
  const whole = new Set(answered);
  expect(taken().filter((id) => !whole.has(id))).toEqual([]);
  expect(taken().length).toBe(whole.size);
  console.log(`${taken().length} taken, all answered; untaken: ${JSON.stringify(other)}`);
});
