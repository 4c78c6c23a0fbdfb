// A hot restart of real processes under load: the next instance takes the sockets, the one before it drains, and no client notices.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayConfig } from '../../src/index.ts';
import { startSteadyLoad } from '../support/children.ts';
import { handlerModule } from '../support/handler-modules.ts';
import { type ListenerName, listenerName } from '../support/listeners.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

type Listen = NonNullable<GatewayConfig['listen']>;

const handlers = handlerModule('at-once');

/** What `listen` holds beside the port, for the listener under test. */
const listeners: Record<ListenerName, [name: string, listen: Listen][]> = {
  uws: [['uws', { listener: 'uws', handlers }]],
  native: [
    ['threads 1', { listener: 'native', threads: 1, handlers }],
    ['threads 2', { listener: 'native', threads: 2, workers: 2, handlers }],
  ],
  loop: [['threads loop', { listener: 'native', threads: 'loop', workers: 2, handlers }]],
};

interface Instance {
  readonly child: ChildProcessWithoutNullStreams;
  readonly port: number;
  readonly adminPort: number;
  /** Standard error so far. */
  errors(): string;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ferrogate-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function begin(
  path: string,
  config: object,
): { child: ChildProcessWithoutNullStreams; errors: () => string } {
  const file = `${path}.json`;
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, [executable, 'start', '--config', file, '--takeover', path]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, errors: () => text };
}

async function start(path: string, config: object): Promise<Instance> {
  const { child, errors } = begin(path, config);
  const line = await Promise.race([
    once(child.stdout, 'data').then(([data]) => String(data)),
    once(child, 'exit').then(() => ''),
  ]);
  const ports = /listening on http:\/\/[\w.]+:(\d+) admin http:\/\/127\.0\.0\.1:(\d+)\n$/.exec(line);
  if (ports === null) throw new Error(`no ready line but: ${line}${errors()}`);
  return { child, port: Number(ports[1]), adminPort: Number(ports[2]), errors };
}

async function exitCode(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

describe.each(listeners[listenerName])('%s', (_name, listen) => {
  const configFor = (upstream: string, port = 0): GatewayConfig => ({
    listen: { ...listen, port },
    admin: { port: 0 },
    records: false,
    upstreams: { back: { targets: [upstream] } },
    routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
  });

  it('loses no request of a steady load over two restarts', async () => {
    const up = await startUpstream((_, response) => response.end('ok'));
    const path = join(folder(), 'takeover');
    const first = await start(path, configFor(up.url));
    const load = startSteadyLoad(first.port, ['/load', '/js'], { connections: 48 });
    const answered = async (): Promise<number> => (await load.count())['200'] ?? 0;
    await until('load on the first', async () => (await answered()) > 1_000);
    let before = first;
    for (let restart = 0; restart < 2; restart += 1) {
      const next = await start(path, configFor(up.url));
      expect([next.port, next.adminPort]).toEqual([first.port, first.adminPort]);
      expect(await exitCode(before.child)).toBe(0);
      const so = await answered();
      await until('load on the next', async () => (await answered()) > so + 1_000);
      before = next;
    }
    const outcomes = await load.end();
    console.log(`two restarts: ${JSON.stringify(outcomes)}`);
    expect(Object.keys(outcomes)).toEqual(['200']);
    const ready = await fetch(`http://127.0.0.1:${before.adminPort}/readyz`);
    expect(ready.status).toBe(200);
    before.child.kill('SIGTERM');
    expect(await exitCode(before.child)).toBe(0);
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('lets a request that runs in the old instance end, and that connection with it', async () => {
    const release = gate();
    const up = await startUpstream(async (_, response) => {
      await release.opened;
      response.end('late');
    });
    const path = join(folder(), 'takeover');
    const old = await start(path, configFor(up.url));
    const client = await RawClient.connect(old.port);
    client.send(requestText('GET', '/slow'));
    await until('the request at the upstream', () => up.seen.length === 1);
    const fresh = await start(path, configFor(up.url));
    expect(old.child.exitCode).toBeNull();
    release.open();
    let answer = await client.answer();
    // The old instance begins to drain a moment after the new one serves.
    while (answer.header('connection') === undefined) {
      expect([answer.status, answer.body.toString()]).toEqual([200, 'late']);
      answer = await client.send(requestText('GET', '/slow')).answer();
    }
    expect([answer.status, answer.header('connection'), answer.body.toString()]).toEqual([
      200,
      'close',
      'late',
    ]);
    expect(await exitCode(old.child)).toBe(0);
    expect((await fetch(`http://127.0.0.1:${fresh.port}/`)).status).toBe(200);
  });

  it('keeps an idle connection of the old instance for one more request', async () => {
    const up = await startUpstream((_, response) => response.end('ok'));
    const path = join(folder(), 'takeover');
    const old = await start(path, configFor(up.url));
    const [used, unused] = await Promise.all([RawClient.connect(old.port), RawClient.connect(old.port)]);
    expect((await used.send(requestText('GET', '/')).answer()).header('connection')).toBeUndefined();
    await start(path, configFor(up.url));
    // Longer than idle connections live when nobody takes over.
    await setTimeout(500);
    for (const [client, target] of [
      [used, '/js'],
      [unused, '/'],
    ] as const) {
      const answer = await client.send(requestText('GET', target)).answer();
      expect([answer.status, answer.header('connection')]).toEqual([200, 'close']);
    }
    expect(await exitCode(old.child)).toBe(0);
  });

  it('changes nothing when the new instance is not fit to serve', async () => {
    const up = await startUpstream((_, response) => response.end('ok'));
    const path = join(folder(), 'takeover');
    const running = await start(path, configFor(up.url));
    const load = startSteadyLoad(running.port, ['/load'], { connections: 8 });
    const taken = await startUpstream();
    const unfit = begin(path, { ...configFor(up.url), admin: { port: taken.port } });
    expect(await exitCode(unfit.child)).toBe(1);
    expect(unfit.errors()).toContain(String(taken.port));
    await until('the old one to be told', () => running.errors().includes('this instance serves on'));
    expect((await fetch(`http://127.0.0.1:${running.port}/`)).status).toBe(200);
    const next = await start(path, configFor(up.url));
    expect(next.port).toBe(running.port);
    expect(await exitCode(running.child)).toBe(0);
    expect(Object.keys(await load.end())).toEqual(['200']);
  });

  it('starts normally where an instance was killed, and binds what another configuration asks for', async () => {
    const up = await startUpstream((_, response) => response.end('ok'));
    const path = join(folder(), 'takeover');
    const killed = await start(path, configFor(up.url));
    killed.child.kill('SIGKILL');
    await exitCode(killed.child);
    expect(lstatSync(path).isSocket()).toBe(true);
    const running = await start(path, configFor(up.url, killed.port));
    const elsewhere = { ...listen, host: 'localhost', port: 0 };
    const other = await start(path, { ...configFor(up.url), listen: elsewhere });
    expect(other.port).not.toBe(running.port);
    expect(await exitCode(running.child)).toBe(0);
  });
});
