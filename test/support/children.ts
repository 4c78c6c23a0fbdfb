// Processes that a test starts and stops: a gateway of the built package with orders over IPC, and a load client.
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { GatewayConfig, Listening, ListenOverrides } from '../../src/index.ts';
import { underTest } from './listeners.ts';

export interface Memory {
  readonly heapUsed: number;
  readonly rss: number;
  readonly arrayBuffers: number;
  readonly external: number;
}

export interface ChildGateway {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly process: ChildProcess;
  /** Everything written to standard error so far. */
  errors(): string;
  /** Memory after a forced garbage collection. */
  memory(): Promise<Memory>;
  /** Requests that `/js/hold` holds. */
  held(): Promise<number>;
  /** Answers everything held. */
  release(body: string): Promise<void>;
  reload(config: GatewayConfig): Promise<number>;
  /** Most resident memory so far, in bytes (Linux `VmHWM`). */
  peakBytes(): number;
  /** Descriptors that are open now. */
  descriptors(): number;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

const child = (name: string): string => fileURLToPath(new URL(`children/${name}.mjs`, import.meta.url));

/** Starts a gateway in a process of its own; `handlers` adds the routes below `/js`. It is killed when the test ends. */
export async function startChildGateway(
  config: GatewayConfig,
  { handlers = false, listen = underTest }: { handlers?: boolean; listen?: ListenOverrides } = {},
): Promise<ChildGateway> {
  const { process: started, errors } = forked('gateway', { config, handlers, listen }, ['--expose-gc']);
  const waiting = new Map<number, (reply: Reply) => void>();
  let last = 0;
  const reply = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`the gateway process ended: ${errors()}`));
      started.once('exit', fail);
      waiting.set(id, ({ value, error }) => {
        started.off('exit', fail);
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      });
    });
  started.on('message', (message) => {
    const answer = message as Reply;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const ask = <Value>(order: string, argument?: unknown): Promise<Value> => {
    last += 1;
    const answered = reply(last);
    started.send({ id: last, order, argument });
    return answered as Promise<Value>;
  };
  const { url, port, adminUrl = '' } = (await reply(0)) as Listening;
  return {
    url,
    port,
    adminUrl,
    process: started,
    errors,
    memory: () => ask<Memory>('memory'),
    held: () => ask<number>('held'),
    release: async (body) => void (await ask('release', body)),
    reload: (next) => ask<number>('reload', next),
    peakBytes: () => statusBytes(started.pid ?? 0, 'VmHWM'),
    descriptors: () => readdirSync(`/proc/${started.pid}/fd`).length,
  };
}

/** Opens `count` connections at once, sends one GET on each, and counts the outcomes: a status or what broke. */
export function startLoad(port: number, target: string, count: number): Promise<Record<string, number>> {
  const { process: client, errors } = forked('load', { port, target, count });
  return new Promise((resolve, reject) => {
    client.once('message', (message) => resolve((message as { statuses: Record<string, number> }).statuses));
    client.once('exit', (code) => reject(new Error(`the load client ended with ${code}: ${errors()}`)));
  });
}

export interface SteadyLoad {
  /** Outcomes so far: how often each status, or what broke. */
  count(): Promise<Record<string, number>>;
  /** Ends every connection after its answer; the outcomes of all. */
  end(): Promise<Record<string, number>>;
}

/**
 * Keeps `connections` keep-alive connections busy, every other one with pauses of up to `pauseMs` between its requests;
 * each is replaced after some requests, or when the server says that it ends it.
 */
export function startSteadyLoad(
  port: number,
  targets: readonly string[],
  { connections, pauseMs = 400 }: { connections: number; pauseMs?: number },
): SteadyLoad {
  const { process: client, errors } = forked('steady-load', {
    port,
    targets,
    connections,
    pauseMs,
    requestsPerConnection: 20,
  });
  const ask = (order: string, field: string): Promise<Record<string, number>> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`the load client ended: ${errors()}`));
      const hear = (message: unknown): void => {
        const outcomes = (message as Record<string, Record<string, number>>)[field];
        if (outcomes === undefined) return;
        client.off('exit', fail).off('message', hear);
        resolve(outcomes);
      };
      client.once('exit', fail).on('message', hear);
      client.send(order);
    });
  return { count: () => ask('count', 'count'), end: () => ask('end', 'done') };
}

/** Opens `count` connections, sends one GET on each, and gives what kills that client with all its connections. */
export function startAbort(port: number, target: string, count: number): () => void {
  const { process: client } = forked('load', { port, target, count });
  return () => void client.kill('SIGKILL');
}

/** Runs a script of this folder to its end. */
export function runChild(
  name: string,
  argument: unknown = {},
): Promise<{ code: number | null; signal: string | null; errors: string; message: unknown }> {
  const { process: started, errors } = forked(name, argument);
  let message: unknown;
  started.on('message', (value) => {
    message = value;
  });
  return new Promise((resolve) => {
    started.once('exit', (code, signal) => resolve({ code, signal, errors: errors(), message }));
  });
}

/** Starts a script of this folder with its argument; it is killed when the test ends. */
export function forked(
  name: string,
  argument: unknown,
  execArgv: string[] = [],
): { process: ChildProcess; errors: () => string } {
  const options = { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] as ('ignore' | 'pipe' | 'ipc')[] };
  const started = fork(child(name), [JSON.stringify(argument)], options);
  let text = '';
  started.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  onTestFinished(() => void started.kill('SIGKILL'));
  return { process: started, errors: () => text };
}

function statusBytes(pid: number, name: string): number {
  return Number.parseInt(statusValue(pid, name), 10) * 1024;
}

function statusValue(pid: number, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}
