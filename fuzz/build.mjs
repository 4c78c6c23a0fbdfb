// Builds the fuzz targets with the coverage that libFuzzer reads. Without a sanitizer that takes no nightly compiler.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const manifest = fileURLToPath(new URL('Cargo.toml', import.meta.url));
const folder = fileURLToPath(new URL('../target/fuzz/', import.meta.url));

/** What cargo-fuzz passes, too: edges as counters, comparisons, and branches that are not folded into one. */
const COVERAGE = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Cllvm-args=-simplifycfg-branch-fold-threshold=0',
  '-Ccodegen-units=1',
];

const SANITIZERS = { none: [], address: ['-Zsanitizer=address'] };

/** The folder of the programs; undefined, and said why, when they cannot be built. */
export function build(sanitizer) {
  const flags = SANITIZERS[sanitizer];
  if (flags === undefined)
    return fault(`no such sanitizer: ${sanitizer}; there are ${Object.keys(SANITIZERS).join(', ')}`);
  const toolchain = flags.length === 0 ? [] : ['+nightly'];
  const rustc = spawnSync('rustc', [...toolchain, '-vV'], { encoding: 'utf8' });
  if (rustc.status !== 0) {
    return fault(
      toolchain.length === 0
        ? 'fuzzing needs rustc and cargo'
        : 'a sanitizer needs a nightly compiler: rustup toolchain install nightly',
    );
  }
  if (spawnSync('c++', ['--version']).status !== 0)
    return fault('libFuzzer needs a C++ compiler: install the Debian package "g++"');
  const host = /^host: (.*)$/m.exec(rustc.stdout)?.[1] ?? '';
  const target = `${folder}${sanitizer}`;
  const args = [...toolchain, 'build', '--locked', '--release', '--bins', '--manifest-path', manifest];
  // With a target, build scripts and macros are built without these flags.
  args.push('--target', host, '--target-dir', target);
  const env = { ...process.env, CARGO_ENCODED_RUSTFLAGS: [...COVERAGE, ...flags].join('\u001f') };
  if (spawnSync('cargo', args, { stdio: 'inherit', env }).status !== 0)
    return fault('the fuzz targets were not built');
  return `${target}/${host}/release/`;
}

function fault(text) {
  process.stderr.write(`${text}\n`);
  return undefined;
}
