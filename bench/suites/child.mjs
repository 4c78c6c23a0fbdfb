// Times one case in this process: node child.mjs NUMBER INPUTS_FILE [--smoke]; prints one line of JSON.
import { readFileSync } from 'node:fs';
import { Bench } from 'tinybench';
import { cases } from './cases.mjs';

const [number, inputsFile, flag] = process.argv.slice(2);
const isSmoke = flag === '--smoke';
const { suite, row, isAsync, make } = cases[Number(number)];
const { operation, close, afterSample } = await make(JSON.parse(readFileSync(inputsFile, 'utf8')));

/** Operations in one sample: the clock costs more than most of them. */
const batch = isSmoke ? 1 : suite.includes('anew') || row.includes('no cache') ? 20 : 500;
let next = 0;
const runSync = () => {
  for (const end = next + batch; next < end; next += 1) operation(next);
};
const runAsync = async () => {
  for (const end = next + batch; next < end; next += 1) await operation(next);
};

const settings = isSmoke ? { time: 0, iterations: 1, warmup: false } : { time: 1500, warmupTime: 300 };
const bench = new Bench({ throws: true, ...settings });
bench.add(row, isAsync ? runAsync : runSync, { afterEach: afterSample ?? (() => {}) });
await bench.run();
const { latency } = bench.tasks[0].result;
const nanos = (milliseconds) => (milliseconds * 1e6) / batch;
const result = {
  mean: nanos(latency.mean),
  median: nanos(latency.p50),
  p99: nanos(latency.p99),
  rme: latency.rme,
};
process.stdout.write(
  `${JSON.stringify({ suite, row, batch, samples: latency.samplesCount, nanos: result })}\n`,
);
close?.();
// Timers of rate-limiter-flexible would keep the process for an hour.
process.exit(0);
