// Runs the fuzz targets: builds them, replays their corpora, looks for new inputs and keeps what reached new code.
//   npm run fuzz                              60 s each
//   npm run fuzz -- --secs 600 --targets guard,router
//   npm run fuzz -- --check                   10 s each from a fixed seed, keeps nothing: what CI runs
//   npm run fuzz -- --sanitizer address       with AddressSanitizer; needs a nightly toolchain
//   npm run fuzz -- --targets guard --input fuzz/artifacts/guard-crash-…      one input, to see why it fails
//   npm run fuzz -- --targets guard --seeds DIRECTORY                         adds the files there to the corpus
// It needs cargo, any toolchain that builds the crate, and a C++ compiler for libFuzzer. cargo-fuzz can run the same
// targets; `npm run fuzz -- --unpack` puts the corpora where it looks for them.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { addFiles, pack, unpack } from './corpus.mjs';
import { artifacts, fuzz, minimise, replay, reproduce } from './target.mjs';

const { values: options } = parseArgs({
  options: {
    secs: { type: 'string' },
    targets: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    check: { type: 'boolean', default: false },
    sanitizer: { type: 'string', default: 'none' },
    input: { type: 'string' },
    seeds: { type: 'string' },
    unpack: { type: 'boolean', default: false },
  },
});

process.exitCode = await main();

async function main() {
  const targets = chosen();
  if (targets === undefined) return 2;
  for (const target of targets) unpack(target);
  if (options.unpack) return 0;
  if (options.seeds !== undefined) for (const target of targets) addFiles(target, options.seeds);
  const folder = build(options.sanitizer);
  if (folder === undefined) return 1;
  if (options.input !== undefined)
    return Math.max(...targets.map((target) => reproduce(folder, target, options.input)));
  mkdirSync(artifacts, { recursive: true });
  const secs = Number(options.secs ?? (options.check ? 10 : 60));
  const failed = (await spread(targets, (target) => run(folder, target, secs))).filter(
    (name) => name !== undefined,
  );
  if (failed.length > 0) process.stderr.write(`fuzzing failed: ${failed.join(', ')}\n`);
  return failed.length > 0 ? 1 : 0;
}

/** The names asked for, all of them by default. */
function chosen() {
  const files = readdirSync(new URL('fuzz_targets/', import.meta.url));
  const all = files.filter((file) => file.endsWith('.rs')).map((file) => file.slice(0, -'.rs'.length));
  const wanted = options.targets?.split(',') ?? all;
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length === 0) return wanted;
  process.stderr.write(`no such target: ${unknown.join(', ')}; there are ${all.join(', ')}\n`);
  return undefined;
}

/** Some at a time; the answers in the order of the targets. */
async function spread(targets, work) {
  const answers = [];
  const waiting = targets.entries();
  const worker = async () => {
    for (const [at, target] of waiting) answers[at] = await work(target);
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(options.jobs)) }, worker));
  return answers;
}

/** The target's name if it failed. */
async function run(folder, target, secs) {
  const replayed = await replay(folder, target);
  if (replayed.failed) return tell(target, 'an input of the kept corpus', replayed);
  const fuzzed = await fuzz(folder, target, secs, options.check ? 1 : 0);
  if (fuzzed.failed) return tell(target, 'a new input', fuzzed);
  let kept = '';
  if (!options.check) {
    const merged = await minimise(folder, target);
    if (merged.failed) return tell(target, 'an input of the grown corpus', merged);
    kept = `, kept ${pack(target, merged.folder)}`;
  }
  const { runs, perSecond, edges } = fuzzed.figures;
  process.stdout.write(
    `${target}: ${runs} runs, ${perSecond}/s, ${edges} edges, ${replayed.inputs} inputs replayed${kept}\n`,
  );
  return undefined;
}

function tell(target, what, { log, input }) {
  const tail = readFileSync(log, 'utf8').split('\n').slice(-40).join('\n');
  const again = `npm run fuzz -- --targets ${target} --input ${input ?? 'FILE'}`;
  process.stderr.write(
    `${tail}\n${target} failed on ${what}: ${input ?? `see ${log}`}\nto see it again: ${again}\n`,
  );
  return target;
}
