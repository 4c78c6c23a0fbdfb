// Runs the comparison of ways to accept and writes its tables: node bench/accept/run.mjs [--binary PATH] [--smoke]. It judges nothing.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildExample } from '../instructions/build.mjs';
import { machine, machineLine, runsFolder } from '../machine.mjs';

const { values: options } = parseArgs({
  options: {
    /** A binary that is built already. */
    binary: { type: 'string' },
    /** One run of each case; nothing is written. */
    smoke: { type: 'boolean', default: false },
  },
});

const binary = options.binary ?? buildExample('accept');
const done = spawnSync(binary, options.smoke ? ['--smoke'] : [], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (done.status !== 0) throw new Error('the comparison failed');
const figures = JSON.parse(done.stdout);
const at = new Date().toISOString();
const text = document(figures);
process.stdout.write(text);
if (!options.smoke) {
  const stem = join(runsFolder(), 'accept');
  const kept = { command: 'node bench/accept/run.mjs', at, machine: machine(), ...figures };
  writeFileSync(`${stem}.json`, `${JSON.stringify(kept)}\n`);
  writeFileSync(`${stem}.md`, text);
  process.stderr.write(`wrote ${stem}.json and ${stem}.md\n`);
}

function document({ threads, balance, close, cost }) {
  const [busy] = loadavg();
  return [
    '# Ways to accept on several threads',
    '',
    `${machineLine()}. \`node bench/accept/run.mjs\`, ${at}. ${threads} server threads, clients in the same process; load average ${busy.toFixed(1)}.`,
    '',
    ...balanceTable(balance),
    '',
    ...closeTable(close),
    '',
    ...costTable(cost),
    '',
  ].join('\n');
}

function balanceTable(balance) {
  const rows = balance.map(({ mode, arrival, connections, maxOverMean, worst, emptyThreads }) => {
    const figures = [maxOverMean, worst, emptyThreads].map((figure) => figure.toFixed(2));
    return `| ${connections} | ${arrival} | ${mode} | ${figures.join(' | ')} |`;
  });
  return [
    `## Balance of keep-alive connections (${balance[0].spreads.length} runs)`,
    'Connections of the busiest thread over the mean (1.00 is even), and threads without any. In turn: each is answered before',
    'the next connects; at once: all connect, then all ask.',
    '',
    '| connections | arrival | way | max/mean, median | worst | empty threads, mean |',
    '|---|---|---|---|---|---|',
    ...rows,
  ];
}

function closeTable(close) {
  const rows = close.map(
    ({ event, mode, events, answered, lost, refused }) =>
      `| ${event} | ${mode} | ${events} | ${answered} | ${lost} | ${refused} |`,
  );
  return [
    '## Connections while accepting stops',
    'Clients connect, ask and go all the time. A thread that leaves accepts what waits, then closes its socket (or gives the',
    'shared one up). Lost: reset after or in the handshake. Refused: never connected; when all close, a client ends with its',
    'first refusal.',
    '',
    '| event | way | events | answered | lost | refused |',
    '|---|---|---|---|---|---|',
    ...rows,
  ];
}

function costTable(cost) {
  const rows = cost.map(({ mode, cpuMicros, rounds, connectionsPerSecond }) => {
    const range = `${Math.min(...rounds).toFixed(1)}–${Math.max(...rounds).toFixed(1)}`;
    return `| ${mode} | ${cpuMicros.toFixed(1)} [${range}] | ${connectionsPerSecond.toFixed(0)} |`;
  });
  return [
    '## Cost of a connection that asks once',
    'CPU time of all server threads: accept, one request, close.',
    '',
    '| way | µs/connection, median [min–max] | connections/s |',
    '|---|---|---|',
    ...rows,
  ];
}
