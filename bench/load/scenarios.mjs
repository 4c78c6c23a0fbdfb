// The scenarios without a table: every chosen target under the same load, interleaved. It judges no figure.
import { closeBed, ensureUp, openBed, say } from './bed.mjs';
import { closed } from './drives.mjs';
import { faults } from './report.mjs';
import { targets } from './targets.mjs';

/** `{results: {scenario: {target: [round]}}, left, context}`. */
export async function runScenarios({ names, rounds, seconds, isSmoke, scenarios }) {
  const bed = await openBed({ needsFresh: names.some((name) => name.endsWith('-fresh')) });
  const results = {};
  try {
    for (const name of names) await ensureUp(bed, name);
    if (bed.up.size === 0) throw new Error('no target runs');
    for (const scenario of scenarios) {
      results[scenario.name] = await runScenario(bed, scenario, { rounds, seconds, isSmoke });
    }
  } finally {
    await closeBed(bed);
  }
  return { results, left: bed.left, context: bed.context };
}

async function runScenario(bed, scenario, { rounds, seconds, isSmoke }) {
  const names = [...bed.up.keys()].filter((name) => !(scenario.isLarge && targets[name].answers));
  const results = Object.fromEntries(names.map((name) => [name, []]));
  const send = (name, time) => {
    return closed(bed, name, { ...scenario, seconds: time, isFresh: name.endsWith('-fresh') });
  };
  if (!isSmoke) for (const name of names) await send(name, 2);
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      const seen = await send(name, seconds);
      results[name].push({ round, ...seen });
      const figures = `${seen.cpuMicros.toFixed(2)} µs/request, ${seen.rps.toFixed(0)} requests/s`;
      say(`${scenario.name}, round ${round}, ${name}: ${figures} ${faults([seen])}`);
    }
  }
  return results;
}
