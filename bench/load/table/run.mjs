// Runs the rows of the table, each interleaved: rounds × targets. It judges no figure.
import { buildExample } from '../../instructions/build.mjs';
import { closeBed, ensureUp, openBed, say, takeDown } from '../bed.mjs';
import { closed, idle, open } from '../drives.mjs';
import { faults } from '../report.mjs';
import { rows } from './rows.mjs';

const drives = { closed, open, idle };
const WARM_UP_SECONDS = 2;

/** `{results: {row: {target: [round]}}, left, context}`; a row's results are there although a later one fails. */
export async function runTable({ names, rounds, seconds, isSmoke, openBinary, only }) {
  const chosen = names.map((name) => ({ name, ...rows[name] }));
  const needsOpen = chosen.some(({ drive }) => drive === 'open');
  const binary = needsOpen ? (openBinary ?? buildExample('open')) : null;
  const bed = await openBed({ needsFresh: chosen.some(({ options }) => options.isFresh) });
  bed.openBinary = binary;
  const results = {};
  try {
    for (const row of chosen) {
      results[row.name] = {};
      await runRow(bed, only === null ? row : { ...row, targets: only }, results[row.name], {
        rounds,
        seconds,
        isSmoke,
      });
    }
  } finally {
    await closeBed(bed);
  }
  return { results, left: bed.left, context: bed.context };
}

async function runRow(bed, row, results, { rounds, seconds, isSmoke }) {
  // Only the row's targets are up: what rests still takes memory and timers.
  for (const name of bed.up.keys()) if (row.isSolo || !row.targets.includes(name)) await takeDown(bed, name);
  const drive = drives[row.drive];
  if (!row.isSolo && !isSmoke) {
    for (const name of row.targets) {
      if (await ensureUp(bed, name)) await warmUp(bed, name);
    }
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of row.targets) {
      if (!(await ensureUp(bed, name))) continue;
      if (row.isSolo && row.drive !== 'idle' && !isSmoke) await warmUp(bed, name);
      const options = { ...row.options, seconds: seconds * (row.longer ?? 1) };
      const seen = await drive(bed, name, options).catch((error) => {
        say(`${row.name}, round ${round}, ${name}: lost: ${error.message}`);
        return null;
      });
      if (seen !== null) {
        results[name] = [...(results[name] ?? []), { round, ...seen }];
        say(`${row.name}, round ${round}, ${name}: ${told(seen)}`);
      }
      if (row.isSolo || seen === null) await takeDown(bed, name);
    }
  }
}

const warmUp = (bed, name) => closed(bed, name, { connections: 64, seconds: WARM_UP_SECONDS });

function told(seen) {
  const shown = {
    cpuMicros: 'µs/request',
    rps: 'requests/s',
    p99Ms: 'ms p99',
    aboveIdleMiB: 'MiB above idle',
    kibEach: 'KiB each',
  };
  const figures = Object.entries(shown).filter(([key]) => Number.isFinite(seen[key]));
  return `${figures.map(([key, unit]) => `${seen[key].toFixed(2)} ${unit}`).join(', ')} ${faults([seen])}`;
}
