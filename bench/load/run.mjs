// The load benchmark: runs scenarios or the table of the native listener on pinned processes, and writes what it saw.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { machine, runsFolder } from '../machine.mjs';
import { say } from './bed.mjs';
import { readOptions, usage } from './options.mjs';
import { has } from './programs.mjs';
import { document, faults, versions } from './report.mjs';
import { runScenarios } from './scenarios.mjs';
import { judge, tableDocument } from './table/report.mjs';
import { runTable } from './table/run.mjs';

process.exitCode = await main().catch((error) => {
  say(error.message);
  return 1;
});

async function main() {
  let options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    say(`${error.message}\n${usage}`);
    return 2;
  }
  const missing = ['nginx', 'wrk', 'taskset', 'getconf'].filter((command) => !has(command));
  if (missing.length > 0) throw new Error(`install ${missing.join(', ')} first`);
  if (availableParallelism() < 2)
    throw new Error('two cores are needed: one for the gateway, one for the load');
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  const { results, left, context } = await (options.isTable ? runTable(options) : runScenarios(options));
  return report(options, { results, left, context });
}

function report({ rounds, seconds, isSmoke, isTable }, { results, left, context }) {
  const args = process.argv.slice(2).join(' ');
  const command = `npm run bench:load${args === '' ? '' : ` -- ${args}`}`;
  const at = new Date().toISOString();
  const programs = versions(context.envoy);
  const goals = isTable ? judge(results) : [];
  const head = { command, at, programs, left, rounds, seconds };
  const text = isTable
    ? tableDocument({ ...head, results, goals })
    : document({ ...head, scenarios: results });
  process.stdout.write(`${text}\n`);
  if (!isSmoke) {
    const time = at.slice(11, 19).replaceAll(':', '');
    const stem = join(runsFolder(), `${isTable ? 'native' : 'load'}-${time}`);
    const kept = { ...head, left: [...left], machine: machine(), goals, results };
    writeFileSync(`${stem}.json`, `${JSON.stringify(kept, null, 1)}\n`);
    writeFileSync(`${stem}.md`, text);
    say(`wrote ${stem}.json and ${stem}.md`);
  }
  const runs = Object.values(results).flatMap(Object.values);
  return runs.some((rounds) => faults(rounds) !== '') ? 1 : 0;
}
