// Makes sure that programs of the distribution are there: `node test/support/ensure.mjs nginx valgrind`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Command → Debian package. */
const packages = {
  'c++': 'g++',
  curl: 'curl',
  nginx: 'nginx-light',
  openssl: 'openssl',
  'redis-server': 'redis-server',
  valgrind: 'valgrind',
};

const folders = ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'];
const has = (command) => folders.some((folder) => existsSync(`${folder}/${command}`));
const apt = (...args) => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', args, { stdio: 'inherit', env });
};

/** Installs what is missing where that can be done without asking; false when something is still missing, and says what. */
export function ensure(commands) {
  const wanted = commands.filter((command) => !has(command)).map((command) => packages[command] ?? command);
  if (wanted.length === 0) return true;
  if (process.getuid?.() === 0 && has('apt-get')) {
    apt('update', '-qq');
    apt('install', '-y', '-qq', '--no-install-recommends', ...wanted);
  }
  const missing = commands.filter((command) => !has(command));
  if (missing.length === 0) return true;
  const names = missing.map((command) => packages[command] ?? command);
  process.stderr.write(`missing: ${missing.join(', ')}; install ${names.join(' ')} and run again\n`);
  return false;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = ensure(process.argv.slice(2)) ? 0 : 1;
}
