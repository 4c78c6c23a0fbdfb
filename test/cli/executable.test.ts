// The built executable as a user runs it: real processes, ports and signals. Needs `npm run build`.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const readyLine =
  /^ferrogate listening on (http:\/\/127\.0\.0\.1:[0-9]+)(?: admin (http:\/\/127\.0\.0\.1:[0-9]+))?$/;

let folder = '';
let children: ChildProcessWithoutNullStreams[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrogate-'));
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  rmSync(folder, { recursive: true });
});

function begin(...args: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [executable, ...args], { cwd: folder });
  children.push(child);
  return child;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function command(...args: string[]): Promise<Ended> {
  const child = begin(...args);
  const [[code], out, err] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, out, err };
}

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly url: string;
  readonly adminUrl: string | undefined;
  /** Resolves with the first line on standard error that `pattern` matches. */
  logged(pattern: RegExp): Promise<string>;
  ended(): Promise<{ code: number | null; out: string[] }>;
}

async function start(...args: string[]): Promise<Running> {
  const child = begin('start', '--port', '0', ...args);
  const log: string[] = [];
  const out: string[] = [];
  const errors = createInterface(child.stderr).on('line', (line) => log.push(line));
  const lines = createInterface(child.stdout).on('line', (line) => out.push(line));
  const first = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [log.join('\n')])]);
  const match = readyLine.exec(String(first[0]));
  if (match?.[1] === undefined) throw new Error(`no ready line but: ${first[0]}`);
  return {
    child,
    url: match[1],
    adminUrl: match[2],
    async logged(pattern) {
      for (;;) {
        const found = log.find((line) => pattern.test(line));
        if (found !== undefined) return found;
        await once(errors, 'line');
      }
    },
    async ended() {
      const [code] =
        child.exitCode === null ? ((await once(child, 'close')) as [number | null]) : [child.exitCode];
      return { code, out };
    },
  };
}

function writeConfig(config: object, name = 'ferrogate.json'): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(config));
  return path;
}

const upstreams = { orders: { targets: ['http://127.0.0.1:9'] } };
const order = { id: 'order', match: { path: '/orders/:id(\\d+)', methods: ['GET'] }, upstream: 'orders' };

describe('check', () => {
  it('exits with 0 for a valid file', async () => {
    const path = writeConfig({ upstreams, routes: [order] });
    expect(await command('check', path)).toEqual({ code: 0, out: '', err: '' });
  });

  it('exits with 1 and a line for each fault', async () => {
    const path = writeConfig({ upstreams, routes: [{ ...order, match: { path: 'orders' } }] });
    const { code, out, err } = await command('check', path);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^routes\[0\]\.match\.path: .+\n$/);
  });

  it('exits with 1 for two routes that cannot be told apart, and says which', async () => {
    const path = writeConfig({ upstreams, routes: [order, { ...order, id: 'other' }] });
    const { code, err } = await command('check', path);
    expect(code).toBe(1);
    expect(err).toMatch(/^routes\[1\]\.match: .*"order"\n$/);
  });

  it.each([[['check', 'missing.json']], [['check']], [['chekc']], [['routes']]])(
    '%j exits with 2',
    async (args) => {
      const { code, out, err } = await command(...args);
      expect([code, out]).toEqual([2, '']);
      expect(err).not.toBe('');
    },
  );
});

describe('routes and explain', () => {
  it('print the table of the default file', async () => {
    writeConfig({ upstreams, routes: [order] });
    const { code, out } = await command('routes');
    expect(code).toBe(0);
    expect(out).toMatch(/^ID .*\norder +GET +\* +\/orders\/:id\(\\d\+\) .*upstream orders\n$/);
  });

  it.each([
    [['GET', '/orders/7'], { verdict: 'forward', route: 'order', status: null }],
    [['POST', '/orders/7'], { verdict: 'refused', status: 405 }],
    [['GET', '/orders/x'], { verdict: 'refused', status: 404 }],
    [['GET', '/orders%2f7'], { verdict: 'refused' }],
    [['GET', 'http://any.example/orders/1/../7'], { verdict: 'forward', route: 'order' }],
  ])('%j is %j', async (args, expected) => {
    writeConfig({ upstreams, routes: [order] });
    const { code, out } = await command('explain', ...args, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject(expected);
  });
});

describe('start', () => {
  it('serves, drains on SIGTERM and exits with 0', async () => {
    writeConfig({ upstreams, routes: [order] });
    const running = await start('--admin-port', '0');
    expect((await fetch(`${running.url}/nothing`)).status).toBe(404);
    expect(await (await fetch(`${running.adminUrl}/livez`)).text()).toBe('ok\n');
    running.child.kill('SIGTERM');
    const { code, out } = await running.ended();
    expect(code).toBe(0);
    expect(out).toHaveLength(1);
  });

  it('reloads on SIGHUP, and keeps what it has when the file is bad', async () => {
    writeConfig({ admin: false, upstreams, routes: [order] });
    const running = await start();
    expect(running.adminUrl).toBeUndefined();
    const fresh = { ...order, id: 'fresh', match: { path: '/fresh' } };
    writeConfig({ admin: false, upstreams, routes: [order, fresh] });
    running.child.kill('SIGHUP');
    await running.logged(/configuration reloaded/);
    expect((await fetch(`${running.url}/fresh`)).status).toBe(502);
    writeConfig({ admin: false, routes: 'none' });
    running.child.kill('SIGHUP');
    await running.logged(/not reloaded.*routes: /);
    expect((await fetch(`${running.url}/fresh`)).status).toBe(502);
    running.child.kill('SIGINT');
    expect((await running.ended()).code).toBe(0);
  });

  it.each([
    [undefined, availableParallelism()],
    [2, 2],
    ['loop', 'loop'],
  ])('serves natively with threads %j, which /config tells, and reloads on SIGHUP', async (threads, told) => {
    const listen = { listener: 'native', ...(threads === undefined ? {} : { threads }) };
    const config = (...routes: object[]): object => ({ listen, admin: { port: 0 }, upstreams, routes });
    writeConfig(config(order));
    const running = await start();
    const { listening } = (await (await fetch(`${running.adminUrl}/config`)).json()) as { listening: object };
    expect(listening).toEqual({ listener: 'native', reason: 'asked for by name', threads: told });
    expect((await fetch(`${running.url}/fresh`)).status).toBe(404);
    writeConfig(config(order, { ...order, id: 'fresh', match: { path: '/fresh' } }));
    running.child.kill('SIGHUP');
    await running.logged(/configuration reloaded/);
    expect((await fetch(`${running.url}/fresh`)).status).toBe(502);
    running.child.kill('SIGTERM');
    expect((await running.ended()).code).toBe(0);
  });

  it('exits with 1 when its port is taken', async () => {
    writeConfig({ admin: false, upstreams, routes: [order] });
    const { url } = await start();
    const second = await command('start', '--port', new URL(url).port);
    expect([second.code, second.out]).toEqual([1, '']);
    expect(second.err).toContain(new URL(url).port);
  });
});

describe('start --demo', () => {
  it('prints three commands, and what they ask for works', async () => {
    const running = await start('--demo', '--admin-port', '0');
    const hello = await running.logged(/^curl .*\/hello\//);
    const orders = await running.logged(/^curl .*\/orders\//);
    await running.logged(/^curl .*\/limited/);
    await vi.waitUntil(async () => (await fetch(`${running.adminUrl}/readyz`)).ok, { interval: 5 });
    const authorization = /'Authorization: ([^']+)'/.exec(orders)?.[1] ?? '';
    expect(hello).toContain(running.url);
    expect(await (await fetch(`${running.url}/hello/you`)).json()).toMatchObject({ hello: 'you' });
    expect((await fetch(`${running.url}/orders/7`)).status).toBe(401);
    const order = await fetch(`${running.url}/orders/7`, { headers: { authorization } });
    expect([order.status, await order.json()]).toEqual([200, { id: 7, item: 'anvil', quantity: 3 }]);
    const limited: number[] = [];
    for (let time = 0; time < 6; time += 1) limited.push((await fetch(`${running.url}/limited`)).status);
    expect(limited).toEqual([200, 200, 200, 200, 200, 429]);
    running.child.kill('SIGTERM');
    expect((await running.ended()).code).toBe(0);
  });
});
