// Real Redis servers for tests: one, a primary with replica and Sentinels, a cluster of three; on free ports, without persistence.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from './services.ts';
import { until } from './until.ts';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Runs a command; its answer as `redis-cli` prints it, an error answer among them. */
  command(...words: readonly (string | number)[]): Promise<string>;
  /** The process stands still (SIGSTOP): connections open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** Ends the process at once. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** Ends it for good. Whatever was started inside of a test is stopped when that test ends. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  readonly password?: string;
  /** Further arguments of `redis-server`. */
  readonly args?: readonly string[];
}

/** Starts one server. */
export async function startRedis({ password, args = [] }: RedisOptions = {}): Promise<RedisServer> {
  const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const server = await launch(await freePort(), [...noPersistence, ...secret, ...args], password);
  stopsWithTest(server.stop);
  return server;
}

export interface SentinelSet {
  /** `redis-sentinel://…/main`. */
  readonly url: string;
  readonly name: string;
  readonly servers: readonly [RedisServer, RedisServer];
  readonly sentinels: readonly RedisServer[];
  /** The server that the Sentinels name as primary now. */
  primary(): Promise<RedisServer>;
  /** Asks a Sentinel to promote the replica, and waits until it is the primary. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  readonly sentinels?: 1 | 3;
  readonly password?: string;
}

/** Starts a primary, its replica and Sentinels that watch them under the name `main`. */
export async function startSentinel({ sentinels = 1, password }: SentinelOptions = {}): Promise<SentinelSet> {
  const secret = password === undefined ? {} : { password };
  const first = await startRedis(secret);
  const follows = ['--replicaof', '127.0.0.1', String(first.port)];
  const second = await startRedis({ ...secret, args: follows });
  await until('the replica to be in step', async () => {
    return (await first.command('INFO', 'replication')).includes('state=online');
  });
  const watchers: RedisServer[] = [];
  for (let at = 0; at < sentinels; at += 1)
    watchers.push(await launchSentinel(first.port, sentinels, password));
  const stop = async (): Promise<void> => {
    await Promise.all([...watchers, first, second].map((server) => server.stop()));
  };
  stopsWithTest(stop);
  for (const watcher of watchers) {
    await until('a Sentinel to know the replica and its fellows', async () => {
      const told = await watcher.command('INFO', 'sentinel');
      return told.includes(`slaves=1,sentinels=${sentinels}`);
    });
  }
  const ports = watchers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const credentials = password === undefined ? '' : `:${password}@`;
  const primary = async (): Promise<RedisServer> => {
    const said = await watchers[0]?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main');
    return said?.includes(String(second.port)) === true ? second : first;
  };
  const failover = async (): Promise<void> => {
    const before = await primary();
    await until('the Sentinel to begin', async () => {
      return (await watchers[0]?.command('SENTINEL', 'FAILOVER', 'main')) === 'OK';
    });
    const after = before === first ? second : first;
    await until('the replica to be promoted', async () => {
      // Its connections are broken when its role changes.
      const role = await after.command('ROLE').catch(() => '');
      return role.startsWith('master') && (await primary()) === after;
    });
  };
  const url = `redis-sentinel://${credentials}${ports}/main`;
  return { url, name: 'main', servers: [first, second], sentinels: watchers, primary, failover, stop };
}

export interface RedisCluster {
  /** `redis-cluster://…` with all three nodes. */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  slotOf(key: string): Promise<number>;
  /** The node that has the slot, as the first node knows it. */
  ownerOf(slot: number): Promise<RedisServer>;
  /** Moves a slot with its keys to another node. */
  moveSlot(slot: number, to: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

const clusterSlots = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const;

/** Starts a cluster of three primaries. */
export async function startCluster(): Promise<RedisCluster> {
  const started = await Promise.all(clusterSlots.map(launchClusterNode));
  const nodes = started.map(({ server }) => server);
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  stopsWithTest(stop);
  for (const [at, node] of nodes.entries()) {
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
    await node.command('CLUSTER', 'ADDSLOTSRANGE', ...(clusterSlots[at] ?? []));
  }
  for (const { server, bus } of started.slice(1)) {
    await nodes[0]?.command('CLUSTER', 'MEET', '127.0.0.1', server.port, bus);
  }
  for (const node of nodes) {
    await until('the cluster to be whole', async () => {
      const told = await node.command('CLUSTER', 'INFO');
      return told.includes('cluster_state:ok') && told.includes('cluster_size:3');
    });
  }
  const url = `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  return { url, nodes, stop, ...slotsOf(nodes) };
}

function slotsOf(nodes: readonly RedisServer[]): Pick<RedisCluster, 'slotOf' | 'ownerOf' | 'moveSlot'> {
  const first = nodes[0];
  if (first === undefined) throw new Error('a cluster has nodes');
  const idOf = (node: RedisServer): Promise<string> => node.command('CLUSTER', 'MYID');
  const slotOf = async (key: string): Promise<number> =>
    Number(await first.command('CLUSTER', 'KEYSLOT', key));
  const ownerOf = async (slot: number): Promise<RedisServer> => {
    for (const node of nodes) {
      const own = (await node.command('CLUSTER', 'NODES'))
        .split('\n')
        .find((line) => line.includes('myself'));
      const ranges = own?.split(' ').slice(8) ?? [];
      const has = ranges.some((range) => {
        const [low = '', high = low] = range.split('-');
        return Number(low) <= slot && slot <= Number(high);
      });
      if (has) return node;
    }
    throw new Error(`no node has slot ${slot}`);
  };
  const moveSlot = async (slot: number, to: RedisServer): Promise<void> => {
    const from = await ownerOf(slot);
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(from));
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await idOf(to));
    const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)).split('\n').filter(Boolean);
    if (keys.length > 0) await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 1000, 'KEYS', ...keys);
    const owner = await idOf(to);
    for (const node of [to, from, ...nodes]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', owner);
  };
  return { slotOf, ownerOf, moveSlot };
}

const noPersistence = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];

async function launchClusterNode(): Promise<{ server: RedisServer; bus: number }> {
  const bus = await freePort();
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    String(bus),
    '--cluster-node-timeout',
    '2000',
  ];
  return { server: await launch(await freePort(), [...noPersistence, ...cluster]), bus };
}

async function launchSentinel(port: number, count: number, password?: string): Promise<RedisServer> {
  const own = await freePort();
  const lines = [
    `sentinel monitor main 127.0.0.1 ${port} ${Math.floor(count / 2) + 1}`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 5000',
    ...(password === undefined ? [] : [`sentinel auth-pass main ${password}`]),
  ];
  return launch(own, [], undefined, lines);
}

/** Runs `redis-server` in a folder of its own; with `sentinel` lines as a Sentinel. */
async function launch(
  port: number,
  args: readonly string[],
  password?: string,
  sentinel?: readonly string[],
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-redis-'));
  const command = cli(port, password);
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    if (sentinel !== undefined) writeFileSync(join(folder, 'sentinel.conf'), `${sentinel.join('\n')}\n`);
    const mode = sentinel === undefined ? [] : [join(folder, 'sentinel.conf'), '--sentinel'];
    const common = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'];
    child = await running(program('redis-server'), [...mode, ...common, ...args], command);
  };
  const kill = async (): Promise<void> => {
    if (child !== undefined) await ended(child);
  };
  const stop = async (): Promise<void> => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  await start();
  const credentials = password === undefined ? '' : `:${password}@`;
  return {
    url: `redis://${credentials}127.0.0.1:${port}`,
    port,
    command,
    pause: () => child?.kill('SIGSTOP'),
    resume: () => child?.kill('SIGCONT'),
    kill,
    restart: start,
    stop,
  };
}

type Command = RedisServer['command'];

function cli(port: number, password?: string): Command {
  const env = password === undefined ? process.env : { ...process.env, REDISCLI_AUTH: password };
  return (...words) =>
    new Promise((resolve, reject) => {
      const args = ['-h', '127.0.0.1', '-p', String(port), ...words.map(String)];
      execFile(program('redis-cli'), args, { env, timeout: 5000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trim());
        else reject(new Error(`redis-cli ${words.join(' ')}: ${stderr.trim() || error.message}`));
      });
    });
}

async function running(path: string, args: readonly string[], command: Command): Promise<ChildProcess> {
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
  }
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  await until('redis-server to answer', async () => {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}: ${said}`);
    return (await command('PING').catch(() => '')).includes('PONG');
  });
  return child;
}

/** What a test left behind must not outlive its process. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Also a process that stands still ends; nothing of it is kept. */
function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function program(name: string): string {
  const found = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'].find((at) => existsSync(join(at, name)));
  if (found === undefined)
    throw new Error(`${name} is missing: install the package redis-server and run again`);
  return join(found, name);
}

/** Outside of a test (in `beforeAll`) whoever started it calls `stop`. */
export function stopsWithTest(stop: () => Promise<void>): void {
  try {
    onTestFinished(stop);
  } catch {}
}
