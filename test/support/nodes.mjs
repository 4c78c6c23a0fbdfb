// Other versions of Node for the tests, from npm packages that carry the binary; each is installed on first use and kept until `npm ci`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../../node_modules/.cache/ferrogate-node/', import.meta.url));
const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;

/** The executable of the newest Node of a major version (`'22'`); throws when it cannot be installed. */
export function nodePath(major) {
  const folder = `${cache}${major}`;
  if (!existsSync(folder)) install(major, folder);
  return `${folder}/node_modules/${name}/bin/node`;
}

/** Complete or not there: an install that breaks off leaves only a folder that the next one clears. */
function install(major, folder) {
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(`${unfinished}/package.json`, '{ "private": true }\n');
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'];
  const { status } = spawnSync('npm', ['install', ...options, `${name}@${major}`], {
    cwd: unfinished,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`${name}@${major} could not be installed`);
  renameSync(unfinished, folder);
}
