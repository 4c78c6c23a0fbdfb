// What the probe saw as a markdown page: a table of scores, then every case without an allowed answer. It judges nothing.
import { machineLine } from '../machine.mjs';

export function document({ at, programs, seen, left }) {
  const named = Object.values(programs).filter((version) => version !== null);
  const reasons = Object.entries(left).map(([name, reason]) => `\nLeft out: ${name}: ${reason}.`);
  return [
    '# Http11Probe: what gateways answer to 149 raw requests',
    '',
    `${machineLine()}. ${named.join('; ')}.`,
    '',
    `\`npm run probe\`, ${at}. The cases of the public suite that are one raw request, judged by its own rules`,
    '([docs/conformance.md](../../../docs/conformance.md)). Each gateway is a plain proxy before the same counting origin, with no',
    'bound on bodies below 1 GB. *Allowed*: what the suite passes or lets pass with a warning. *Refused, yet it arrived*: cases that',
    'the gateway refused or left unanswered although the origin got a whole request.',
    ...reasons,
    '',
    ...scoreTable(seen),
    '',
    ...Object.entries(seen).flatMap(([name, one]) => [...failures(name, one), '']),
  ].join('\n');
}

function scoreTable(seen) {
  return [
    '| gateway | Must: allowed | all scored: allowed | refused, yet it arrived | one request became several |',
    '|---|---|---|---|---|',
    ...Object.entries(seen).map(([name, { score, strays }]) => {
      const { must, musts, scored, scoreds, leaked, doubled } = score;
      return `| ${name} | ${must} of ${musts} | ${scored} of ${scoreds} | ${leaked.length} | ${doubled.length + strays.length} |`;
    }),
  ];
}

function failures(name, { score, results }) {
  const failed = results.filter(
    ({ verdict, level, scored }) => verdict === 'fail' && (level === 'Must' || scored),
  );
  const lines = failed.map(({ id, level, seen }) => `| ${id} | ${level} | ${seen} |`);
  const leaks = score.leaked.length === 0 ? [] : ['', `Refused, yet it arrived: ${score.leaked.join(', ')}.`];
  if (lines.length === 0) return [`## ${name}: every case got an allowed answer`, ...leaks];
  return [
    `## ${name}: without an allowed answer`,
    '| case | level | seen |',
    '|---|---|---|',
    ...lines,
    ...leaks,
  ];
}
