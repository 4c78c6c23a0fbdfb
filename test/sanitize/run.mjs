// Memory errors where our own `unsafe` stands: npm run sanitize runs the addon inside Node under valgrind's memcheck.
// It needs the built package. Node's own engine is noise to valgrind (code that it writes itself, values it leaves
// unset, memory it keeps to its end), so only errors with the addon on the stack count, and no leaks.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ensure } from '../support/ensure.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

process.exitCode = ensure(['valgrind']) && main() ? 0 : 1;

function main() {
  const { status, errors } = watch([
    process.execPath,
    '--no-opt',
    '--no-sparkplug',
    'test/sanitize/drive.mjs',
  ]);
  const ours = errors.filter((error) => /<obj>[^<]*\.node<\/obj>/.test(error));
  for (const error of ours) process.stderr.write(`${readable(error)}\n`);
  process.stdout.write(
    `${ours.length} memory errors in the addon, ${errors.length - ours.length} in Node alone\n`,
  );
  if (status !== 0) process.stderr.write(`the program ended with ${status}\n`);
  return status === 0 && ours.length === 0;
}

function watch(command) {
  const folder = mkdtempSync(`${tmpdir()}/ferrogate-valgrind-`);
  const xml = `${folder}/errors.xml`;
  const options = ['--quiet', '--xml=yes', `--xml-file=${xml}`, '--error-limit=no', '--num-callers=40'];
  options.push('--smc-check=all-non-file', '--fair-sched=yes');
  const { status } = spawnSync('valgrind', [...options, ...command], { cwd: root, stdio: 'inherit' });
  const all = readFileSync(xml, 'utf8').match(/<error>[\s\S]*?<\/error>/g) ?? [];
  rmSync(folder, { recursive: true });
  return { status, errors: all.filter((error) => !error.includes('<kind>Leak_')) };
}

function readable(error) {
  const what = /<(?:what|text)>([^<]*)</.exec(error)?.[1] ?? 'an error';
  const frames = [...error.matchAll(/<frame>([\s\S]*?)<\/frame>/g)].map(([, frame]) => {
    const part = (name) => new RegExp(`<${name}>([^<]*)<`).exec(frame)?.[1];
    return `    ${part('fn') ?? part('obj') ?? part('ip')} ${part('file') ?? ''}:${part('line') ?? ''}`;
  });
  return [what, ...frames].join('\n');
}
