// The micro-benchmarks: npm run bench [-- --smoke] [-- --only TEXT]. Each case runs in a process of its own.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { createIssuer } from './inputs/tokens.mjs';
import { machine, machineLine, runsFolder } from './machine.mjs';
import { cases } from './suites/cases.mjs';

const run = promisify(execFile);
const child = fileURLToPath(new URL('suites/child.mjs', import.meta.url));
const TOKENS = 10_000;

const { values: options } = parseArgs({
  options: {
    /** One iteration of each case; nothing is written. */
    smoke: { type: 'boolean', default: false },
    /** Only suites and rows whose names contain this. */
    only: { type: 'string', default: '' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'ferrogate-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
await main();

async function main() {
  const inputs = await writeInputs();
  const numbers = [...cases.keys()].filter((number) => {
    const { suite, row } = cases[number];
    return `${suite} ${row}`.includes(options.only);
  });
  const results = options.smoke ? await allAtOnce(numbers, inputs) : await oneByOne(numbers, inputs);
  const text = document(results);
  process.stdout.write(text);
  if (options.smoke || options.only !== '') return;
  const at = new Date().toISOString();
  const stem = join(runsFolder(), 'bench');
  writeFileSync(
    `${stem}.json`,
    `${JSON.stringify({ command: 'npm run bench', at, machine: machine(), results }, null, 1)}\n`,
  );
  writeFileSync(`${stem}.md`, text);
  process.stderr.write(`wrote ${stem}.json and ${stem}.md\n`);
}

async function writeInputs() {
  const issuer = await createIssuer();
  const count = options.smoke ? 10 : TOKENS;
  const subjects = Array.from({ length: count }, (_, index) => `client-${index}`);
  const tokens = await Promise.all(subjects.map((subject) => issuer.token(subject)));
  const file = join(folder, 'inputs.json');
  writeFileSync(file, JSON.stringify({ jwks: issuer.jwks, publicPem: issuer.publicPem, tokens }));
  return file;
}

async function oneByOne(numbers, inputs) {
  const results = [];
  for (const number of numbers) {
    results.push(await time(number, inputs));
    const { suite, row, nanos } = results.at(-1);
    process.stderr.write(`${suite}: ${row}: ${nanos.median.toFixed(0)} ns\n`);
  }
  return results;
}

/** Two at a time: only whether they run is asked. */
async function allAtOnce(numbers, inputs) {
  const results = new Map();
  const left = [...numbers];
  const worker = async () => {
    for (let number = left.shift(); number !== undefined; number = left.shift()) {
      results.set(number, await time(number, inputs));
    }
  };
  await Promise.all([worker(), worker()]);
  return numbers.map((number) => results.get(number));
}

async function time(number, inputs) {
  const args = [child, String(number), inputs, ...(options.smoke ? ['--smoke'] : [])];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout);
}

function document(results) {
  const suites = grouped(results);
  const tables = [...suites].map(([suite, rows]) => {
    const first = rows[0].nanos.median;
    const lines = rows.map(({ row, nanos }) => {
      const { median, p99, rme } = nanos;
      return `| ${row} | ${median.toFixed(1)} | ${p99.toFixed(1)} | ± ${rme.toFixed(1)} % | ${(median / first).toFixed(2)} |`;
    });
    return `## ${suite}\n| | median ns | p99 ns | mean within | × first row |\n|---|---|---|---|---|\n${lines.join('\n')}\n`;
  });
  const head = `# Nanoseconds per operation (\`npm run bench\`)\n\n${machineLine()}. tinybench, each row in a process of its own.`;
  const note =
    '"request" is the native call of a request to a JavaScript handler: strings copied, guard, canonical target, decision, trace\n' +
    'id; "finish" its end with the metrics. The rivals do their one part only.';
  return `${head}\n${note}\n\n${tables.join('\n')}`;
}

function grouped(results) {
  const groups = new Map();
  for (const result of results) groups.set(result.suite, [...(groups.get(result.suite) ?? []), result]);
  return groups;
}
