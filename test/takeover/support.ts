// Two sides of a takeover in one process, on real local sockets, and clients of another user.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadNative } from '../../src/native/binding.ts';
import { type GiveOptions, give } from '../../src/takeover/give.ts';
import type { ListeningSocket } from '../../src/takeover/sockets.ts';

export const native = loadNative();

/** A path in a folder of its own, gone when the test ends. */
export function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'socket');
}

/** Listening sockets on free ports; they live as long as this process. */
export function listening(...roles: ListeningSocket['role'][]): ListeningSocket[] {
  return roles.map((role) => {
    const { acceptor, port } = native.acceptorOpen('127.0.0.1', 0, () => {});
    onTestFinished(() => native.acceptorClose(acceptor));
    return { role, host: '127.0.0.1', port, fd: native.acceptorFd(acceptor) };
  });
}

export interface Giving {
  readonly warnings: { fields: Record<string, unknown>; message: string }[];
  /** How often it was told that the other instance serves. */
  readonly taken: number;
  stop(): void;
}

/** The running side at `path`. */
export function giving(path: string, sockets: ListeningSocket[], options: Partial<GiveOptions> = {}): Giving {
  const warnings: Giving['warnings'] = [];
  let taken = 0;
  const stop = give(native, path, {
    sockets: () => sockets,
    taken: () => {
      taken += 1;
    },
    warn: (fields, message) => warnings.push({ fields: { ...fields }, message }),
    ...options,
  });
  onTestFinished(stop);
  return {
    warnings,
    get taken() {
      return taken;
    },
    stop,
  };
}

export const isRoot = process.getuid?.() === 0;

/** Runs a script as a user without rights; needs root. `ended` has its standard output, `said` resolves with the first of it. */
export function asNobody(
  script: string,
  path: string,
): { said: Promise<string>; ended: Promise<string>; kill(): void } {
  const nobody = 65_534;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    uid: nobody,
    gid: nobody,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  return {
    said: once(child.stdout, 'data').then(([data]) => String(data)),
    ended: once(child, 'close').then(() => out),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Lets every user reach `path`, so that only the check of the user is left. */
export function openToAll(path: string): void {
  chmodSync(join(path, '..'), 0o777);
  chmodSync(path, 0o666);
}
