// The soak: npm run soak [-- --secs N --listener native|loop|uws|all --seed N --out FOLDER]. Exit code 1 when anything was not as it must be.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine, runsFolder } from '../machine.mjs';
import { readOptions, usage } from './options.mjs';
import { reportOf } from './report.mjs';
import { soak } from './soak.mjs';

const say = (line) => process.stderr.write(`${line}\n`);
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
process.exitCode = await main().catch((error) => {
  say(error.stack);
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
  const { names, out, secs, seed, clients } = options;
  const folder = out ?? runsFolder();
  mkdirSync(folder, { recursive: true });
  let faults = 0;
  for (const listener of names) {
    const command = `npm run soak -- --listener ${listener} --secs ${secs} --seed ${seed}`;
    say(`${command}: ${secs} s and a little more`);
    const result = await soak({ listener, secs, seed, clients, say });
    write(join(folder, `soak-${listener}`), result, command);
    faults += result.faults.length;
    for (const fault of result.faults.slice(0, 20)) say(`fault: ${fault}`);
  }
  say(faults === 0 ? 'clean' : `${faults} faults`);
  return faults === 0 ? 0 : 1;
}

function write(stem, result, command) {
  const text = reportOf(result, command);
  writeFileSync(`${stem}.json`, `${JSON.stringify({ command, machine: machine(), ...result })}\n`);
  writeFileSync(`${stem}.md`, text);
  process.stdout.write(text);
  say(`wrote ${stem}.json and ${stem}.md`);
}
