// The test command: makes sure that the real servers are there, builds what is missing, then runs vitest.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = (command, ...args) => spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

if (!ensure(['curl', 'nginx', 'openssl', 'redis-server'])) process.exit(1);
if (!existsSync(`${root}dist/addon/addon.cjs`) && run('npm', 'run', 'build:addon') !== 0) process.exit(1);
if (run('npm', 'run', 'build:ts') !== 0) process.exit(1);
process.exit(run('npx', 'vitest', 'run', ...process.argv.slice(2)));
