// Real servers from the distribution, each started for one test on a free port; a missing one fails the test and is never skipped.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

export interface Service {
  readonly url: string;
  readonly port: number;
  /** Its working folder; nginx serves files from `html` below it. */
  readonly folder: string;
}

export interface NginxOptions {
  /** Text inside `server { … }` beside `listen`. */
  readonly server: string;
  /** Files below the document root. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
}

/** Starts nginx with one server; it is stopped when the test ends. */
export async function startNginx({ server, files = {} }: NginxOptions): Promise<Service> {
  const program = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find((path) =>
    existsSync(path),
  );
  if (program === undefined)
    throw new Error('nginx is missing: install the package nginx-light and run again');
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-nginx-'));
  mkdirSync(join(folder, 'html'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'html', name), content);
  const port = await freePort();
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig(port, server));
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(async () => {
    await stopped(child);
    rmSync(folder, { recursive: true, force: true });
  });
  await accepting('nginx', child, port);
  return { url: `http://127.0.0.1:${port}`, port, folder };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function nginxConfig(port: number, server: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off; master_process off; worker_processes 1; pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off; default_type text/plain; client_max_body_size 0; sendfile on; tcp_nodelay on;
  ${temporary.map((name) => `${name}_temp_path ${name}_temp;`).join(' ')}
  server { listen 127.0.0.1:${port} backlog=4096; root html;\n${server}\n  }
}
`;
}

async function accepting(name: string, child: ChildProcess, port: number): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until(`${name} to listen`, () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${said}`);
    return canConnect(port);
  });
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
