// Rounds of the table to goals and markdown; it measures nothing.
import { machineLine, median } from '../../machine.mjs';
import { faults } from '../report.mjs';
import { rows } from './rows.mjs';

/** Columns of a row's table, each shown when a target has the figure. */
const columns = [
  { key: 'cpuMicros', head: 'CPU µs/request', digits: 2, hasRange: true },
  { key: 'rps', head: 'requests/s', digits: 0 },
  { key: 'p50Ms', head: 'p50 ms', digits: 2 },
  { key: 'p99Ms', head: 'p99 ms', digits: 2, hasRange: true },
  { key: 'p999Ms', head: 'p99.9 ms', digits: 2 },
  { key: 'generatorLateP99Ms', head: 'of it generator late, p99', digits: 2 },
  { key: 'busyPercent', head: 'core busy %', digits: 0 },
  { key: 'kibEach', head: 'KiB each', digits: 2, hasRange: true },
  { key: 'kibEachFurther', head: 'KiB each further', digits: 2 },
  { key: 'rssMiB', head: 'RSS MiB', digits: 0 },
  { key: 'aboveIdleMiB', head: 'MiB above idle', digits: 1 },
];

/** Every goal of the rows that ran: `{row, goal, measured, isMet}`; null where a target is missing. */
export function judge(results) {
  return Object.keys(results).flatMap((row) =>
    rows[row].goals.map((goal) => {
      const { text, measured, isMet } = verdict(goal, results, row);
      return { row, goal: text, measured, isMet };
    }),
  );
}

function verdict(goal, results, row) {
  const runs = results[row][goal.target] ?? [];
  if (goal.kind === 'noFault') {
    const text = `${goal.target}: no refusal, none unanswered`;
    return {
      text,
      measured: runs.length === 0 ? null : faults(runs) || '0',
      isMet: runs.length === 0 ? null : faults(runs) === '',
    };
  }
  const value = goal.kind === 'growth' ? growth(goal, results, row) : against(results[row], goal);
  const bound = goal.kind === 'atLeast' ? goal.min : goal.max;
  const isMet = value === null ? null : goal.kind === 'atLeast' ? value >= bound : value <= bound;
  return { text: goalText(goal, bound), measured: value === null ? null : value.toFixed(3), isMet };
}

function goalText({ kind, target, figure, to, from }, bound) {
  const sign = kind === 'atLeast' ? '≥' : '≤';
  const reference = to ? ` × ${to}` : from ? ` × itself in ${from}` : '';
  return `${target}: ${figure} ${sign} ${bound}${reference}`;
}

/** The median over rounds of the figure, as a multiple of the reference's in the same round where there is one. */
function against(row, { target, figure, to }) {
  const values = (row[target] ?? []).flatMap((run) => {
    if (!to) return [run[figure]];
    const other = (row[to] ?? []).find(({ round }) => round === run.round);
    return other === undefined ? [] : [run[figure] / other[figure]];
  });
  return values.length === 0 ? null : median(values);
}

function growth({ target, figure, from }, results, row) {
  const here = against(results[row], { target, figure });
  const there = results[from] === undefined ? null : against(results[from], { target, figure });
  return here === null || there === null ? null : here / there;
}

/** The whole report. */
export function tableDocument({ command, at, programs, left, rounds, seconds, results, goals }) {
  const named = Object.values(programs).filter((version) => version !== null);
  const verdicts = goals.map(({ row, goal, measured, isMet }) => {
    const met = isMet === null ? 'not measured' : isMet ? 'yes' : '**no**';
    return `| ${rows[row].title} | ${goal} | ${measured ?? ''} | ${met} |`;
  });
  return [
    '# The table of the native listener',
    '',
    `${machineLine()}. ${named.join('; ')}.`,
    '',
    `\`${command}\`, ${at}. Gateway on core 0, load and the nginx origin on core 1, ${rounds} interleaved rounds of ${seconds} s.`,
    'CPU time is user + system of the process tree over the requests that were answered. A ratio is the median over the rounds of',
    'the ratio within one round. Memory is anonymous memory of the process tree (heap, slabs, stacks); what the kernel holds for',
    'sockets is not in it. An open loop counts latency from the time at which a request was due.',
    ...[...left].map(([name, reason]) => `\nLeft out: ${name}: ${reason}.`),
    '',
    '## Goals',
    '| work | goal | measured | met |',
    '|---|---|---|---|',
    ...verdicts,
    '',
    ...Object.entries(results).map(([row, seen]) => `${rowTable(row, seen)}\n`),
  ].join('\n');
}

function rowTable(row, seen) {
  const { title, targets } = rows[row];
  const [baseline] = targets;
  const all = Object.values(seen).flat();
  const shown = columns.filter(({ key }) => all.some((run) => Number.isFinite(run[key])));
  const hasRatio = shown.some(({ key }) => key === 'cpuMicros');
  const ratioHead = hasRatio ? [`× ${baseline}`] : [];
  const heads = ['target', ...ratioHead, ...shown.map(({ head }) => head), 'faults'];
  const lines = Object.entries(seen).map(([name, runs]) => {
    const ratio = hasRatio ? against(seen, { target: name, figure: 'cpuMicros', to: baseline }) : null;
    const cells = [
      name,
      ...(hasRatio ? [ratio?.toFixed(3) ?? ''] : []),
      ...shown.map((column) => cell(column, runs)),
    ];
    return `| ${[...cells, faults(runs) || '0'].join(' | ')} |`;
  });
  return [`## ${title}`, `| ${heads.join(' | ')} |`, `|${'---|'.repeat(heads.length)}`, ...lines].join('\n');
}

function cell({ key, digits, hasRange }, runs) {
  const values = runs.map((run) => run[key]).filter(Number.isFinite);
  if (values.length === 0) return '';
  const mid = median(values).toFixed(digits);
  if (!hasRange || values.length === 1) return mid;
  return `${mid} [${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}]`;
}
