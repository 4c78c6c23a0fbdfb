// Raw rounds to tables: medians, ratios and faults; it measures nothing.
import { machineLine, median, versionOf } from '../machine.mjs';
import { baselineOf } from './targets.mjs';

/** Versions of the programs that take part; null where one is not installed. */
export const versions = (envoy) => ({
  nginx: versionOf('nginx', '-v'),
  haproxy: versionOf('haproxy', '-v'),
  envoy: envoy === null ? null : versionOf(envoy, '--version')?.replace(/^\S+\s+/, 'Envoy '),
  wrk: versionOf('wrk', '-v'),
});

/** The median over the rounds of the target's CPU time as a multiple of its baseline's in the same round. */
export function ratioOf(results, name, baseline = baselineOf(name)) {
  const pairs = (results[name] ?? []).flatMap((run) => {
    const other = (results[baseline] ?? []).find(({ round }) => round === run.round);
    return other === undefined ? [] : [run.cpuMicros / other.cpuMicros];
  });
  return pairs.length === 0 ? null : median(pairs);
}

/** One scenario as a markdown table. */
export function scenarioTable(scenario, results) {
  const lines = [
    `## ${scenario}`,
    '| target | CPU µs/request, median [min–max] | ratio | to | requests/s | p50 ms | p99 ms | core busy | RSS MiB | faults |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const [name, runs] of Object.entries(results)) {
    if (runs.length > 0) lines.push(row(name, runs, ratioOf(results, name)));
  }
  return lines.join('\n');
}

function row(name, runs, ratio) {
  const values = (key) => runs.map((run) => run[key]);
  const mid = (key, digits) => median(values(key)).toFixed(digits);
  const cpu = values('cpuMicros');
  const range = `${Math.min(...cpu).toFixed(1)}–${Math.max(...cpu).toFixed(1)}`;
  const cells = [
    name,
    `${mid('cpuMicros', 2)} [${range}]`,
    ratio === null ? '' : ratio.toFixed(3),
    ratio === null ? '' : baselineOf(name),
    mid('rps', 0),
    mid('p50Ms', 2),
    mid('p99Ms', 2),
    `${mid('busyPercent', 0)} %`,
    mid('rssMiB', 0),
    faults(runs) || '0',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Answers that were not 2xx and socket errors, as text; empty when there were none. */
export function faults(runs) {
  const non2xx = runs.reduce((sum, run) => sum + run.non2xx, 0);
  const errors = [...new Set(runs.map((run) => run.socketErrors).filter((text) => text !== null))];
  return [...(non2xx > 0 ? [`${non2xx} not 2xx`] : []), ...errors].join('; ');
}

/** The whole report. */
export function document({ command, at, programs, left, rounds, seconds, scenarios }) {
  const named = Object.values(programs).filter((version) => version !== null);
  return [
    '# CPU time per request of the whole gateway process',
    '',
    `${machineLine()}. ${named.join('; ')}.`,
    '',
    `\`${command}\`, ${at}. Gateway on core 0, wrk -t1 and the nginx origin on core 1, all targets up, ${rounds} interleaved`,
    `rounds of ${seconds} s after a warm-up, about 500 bytes of bearer token in every request. CPU time is user + system of the`,
    'process tree from /proc/PID/stat over the requests that wrk counted; a ratio is the median over the rounds of the ratio',
    'within one round. Requests per second are closed-loop and not comparable between runs.',
    ...[...left].map(([name, reason]) => `\nLeft out: ${name}: ${reason}.`),
    '',
    ...Object.entries(scenarios).map(([name, results]) => `${scenarioTable(name, results)}\n`),
  ].join('\n');
}
