// Builds a Rust example of this crate without Node, symbols kept, as the release profile has it otherwise.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Returns the path of the built program; throws when it does not build. */
export function buildExample(name) {
  const options = ['--release', '--no-default-features', '--features', 'testing', '--example', name];
  // callgrind finds the counted function by its name, which the release profile strips.
  const args = ['build', ...options, '--config', 'profile.release.strip="none"', '--message-format', 'json'];
  const done = spawnSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  });
  if (done.status !== 0) throw new Error(`cargo could not build the example ${name}`);
  for (const line of done.stdout.split('\n')) {
    if (!line.startsWith('{')) continue;
    const message = JSON.parse(line);
    if (message.target?.name === name && message.executable) return message.executable;
  }
  throw new Error(`cargo named no program for the example ${name}`);
}
