// What a soak gave, for people; it judges nothing.
import { machineLine } from '../machine.mjs';
import { bounds, JUDGED_FROM } from './judge.mjs';

/** The report in Markdown. `command`: how it was run. */
export function reportOf(result, command) {
  const { listener, secs, seed, started, faults, book } = result;
  const verdict = faults.length === 0 ? 'clean' : `${faults.length} faults`;
  return [
    `# Soak of the listener \`${listener}\`: ${verdict}`,
    '',
    `${machineLine()}. \`${command}\`, seed ${seed}, ${started}, ${secs} s of traffic.`,
    '',
    ...(faults.length === 0 ? [] : ['## Faults', ...faults.slice(0, 100).map((fault) => `- ${fault}`), '']),
    ...incidents('Wrong answers', book.wrong),
    ...incidents('Unexplained ends of connections', book.unexplained),
    ...traffic(result),
    ...memory(result),
    ...kinds(book.kinds),
    ...statuses(book.known),
  ].join('\n');
}

function incidents(title, list) {
  if (list.length === 0) return [];
  const lines = list.slice(0, 30).map(({ kind, request, at, what, last }) => {
    const bytes =
      last.length === 0 ? '' : ` Last bytes: \`${JSON.stringify(last.join(' | ')).slice(0, 300)}\``;
    return `- ${at} ${kind} (${request}): ${what}.${bytes}`;
  });
  return [`## ${title}`, ...lines, ''];
}

function traffic({
  book,
  requests,
  reloads,
  refusals,
  rotations,
  fetches,
  upstream,
  retries,
  timeouts,
  records,
  rest,
}) {
  const list = (table) =>
    Object.entries(table)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const refused = Object.values(refusals).reduce((sum, one) => sum + one, 0);
  return [
    '## What happened',
    '| | |',
    '|---|---|',
    `| answers that clients judged, connections that they opened | ${book.answers}, ${book.connections} |`,
    `| wrong answers, unexplained ends | ${book.wrongs}, ${book.unexplaineds} |`,
    `| requests that the gateway counted, access records | ${requests}, ${records.count} |`,
    `| requests whose answer no client awaited | ${list(book.unknown)} |`,
    `| reloads, bad configurations refused | ${reloads}, ${refused} (${list(refusals)}) |`,
    `| keys that came, fetches of the key set | ${rotations}, ${fetches} |`,
    `| requests and connections at the upstream, second tries | ${upstream.requests}, ${upstream.connections}, ${retries} |`,
    `| clients whose time ran out, by clock | ${list(timeouts)} |`,
    `| left at rest | ${list(rest)} |`,
    '',
  ];
}

function memory({ memory: judged, samples, last }) {
  const rule = Object.entries(bounds).map(
    ([what, { share, amount }]) =>
      `${what} ${share * 100} % + ${amount}${what === 'descriptors' ? '' : ' MiB'}`,
  );
  const head = [
    '## Memory of the gateway process',
    'Sampled each second, the JavaScript heap after a forced collection. Flat: the median of the last minute lies above that of',
    `the second minute by no more than ${rule.join(', ')}; judged from ${JUDGED_FROM} s of traffic on. Slopes are per minute, from the second`,
    'minute on.',
    '',
  ];
  const end = `At rest after the traffic: ${last.rss.toFixed(1)} MiB resident, ${last.heap.toFixed(2)} MiB heap, ${last.descriptors} descriptors.`;
  if (judged.length === 0) return [...head, 'Too short to be judged.', '', ...curve(samples), end, ''];
  const rows = judged.map(({ what, second, last: end, growth, bound, slope, flat }) => {
    const cells = [second, end, growth, bound, slope].map((value) => value.toFixed(2));
    return `| ${what} | ${cells.join(' | ')} | ${flat ? 'yes' : '**no**'} |`;
  });
  const titles = '| | second minute | last minute | growth | allowed | slope | flat |';
  return [...head, titles, '|---|---|---|---|---|---|---|', ...rows, '', ...curve(samples), end, ''];
}

/** One line of the curve for each minute, the median sample of it. */
function curve(samples) {
  const rows = [...grouped(samples)].map(([minute, list]) => {
    const { rss, heap, external, descriptors } = list[list.length >> 1];
    const cells = [rss.toFixed(1), heap.toFixed(2), external.toFixed(2), descriptors];
    return `| ${minute + 1} | ${cells.join(' | ')} |`;
  });
  return [
    '| minute | resident MiB | heap MiB | external MiB | descriptors |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ];
}

function grouped(samples) {
  const minutes = new Map();
  for (const sample of samples) {
    const minute = Math.floor(sample.at / 60);
    minutes.set(minute, [...(minutes.get(minute) ?? []), sample]);
  }
  return minutes;
}

function kinds(table) {
  const rows = Object.entries(table)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { runs, ok, stopped, late }]) => `| ${name} | ${runs} | ${ok} | ${stopped} | ${late} |`);
  return [
    '## Kinds of traffic',
    '| kind | runs | as expected | cut off by the end | late |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ];
}

function statuses(known) {
  const sums = {};
  for (const [key, count] of Object.entries(known)) {
    const status = key.split(' ')[1];
    sums[status] = (sums[status] ?? 0) + count;
  }
  const rows = Object.entries(sums).map(([status, count]) => `| ${status} | ${count} |`);
  return ['## Answers by status', '| status | answers |', '|---|---|', ...rows, ''];
}
