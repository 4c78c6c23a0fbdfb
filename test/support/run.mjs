// The test command: makes sure that the real servers are there, builds what is stale, then runs vitest.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Command → Debian package. */
const servers = { nginx: 'nginx-light' };

const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options }).status ?? 1;
const has = (command) =>
  ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/sbin'].some((dir) =>
    existsSync(`${dir}/${command}`),
  );

/** Installs what is missing where that can be done without asking; otherwise says what to install, and fails. */
function ensureServers() {
  const missing = Object.keys(servers).filter((command) => !has(command));
  if (missing.length === 0) return;
  const packages = missing.map((command) => servers[command]);
  if (process.getuid?.() === 0 && has('apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env });
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
  }
  const still = missing.filter((command) => !has(command));
  if (still.length > 0) {
    process.stderr.write(`the tests need ${still.join(', ')}: install ${packages.join(' ')} and run again\n`);
    process.exit(1);
  }
}

ensureServers();
if (!existsSync(`${root}dist/addon/addon.cjs`) && run('npm', ['run', 'build:addon']) !== 0) process.exit(1);
if (run('npm', ['run', 'build:ts']) !== 0) process.exit(1);
process.exit(run('npx', ['vitest', 'run', ...process.argv.slice(2)]));
