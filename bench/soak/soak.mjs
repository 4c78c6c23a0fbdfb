// One soak of one listener: starts the processes, changes configuration and keys while clients send, and gathers what all of them saw.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMiB } from '../load/process.mjs';
import { Changes } from './changes.mjs';
import { startChild } from './child.mjs';
import { listeners } from './config.mjs';
import { startIssuer } from './issuer.mjs';
import { compareCounts, countsOf, judgeMemory, readMetrics, total } from './judge.mjs';
import { newBook } from './lane.mjs';

const MiB = 1024 * 1024;
/** How long the gateway may take to be at rest when nobody sends any more. */
const QUIET_MS = 60_000;
/** What must be at rest then. */
const gauges = ['http_requests_in_flight', 'parked_requests', 'websockets', 'connections_open'];

/** Runs and judges; `faults` is empty when all was well. `say` gets a line every ten seconds. */
export async function soak({ listener, secs, seed, clients: count, say }) {
  const started = new Date().toISOString();
  const bed = await open({ listener, seed, count });
  const watched = Promise.race([bed.gateway, bed.origin, ...bed.clients].map(({ failed }) => failed));
  try {
    const { samples, books } = await Promise.race([watched, traffic(bed, secs, say)]);
    const seen = await Promise.race([watched, afterwards(bed)]);
    const book = merged([...books, bed.changes.book]);
    const memory = judgeMemory(samples);
    const faults = faultsOf({ ...seen, book, memory, changes: bed.changes, issuer: bed.issuer, secs });
    const { reloads, refusals, rotations } = bed.changes;
    const fetches = bed.issuer.fetches;
    return {
      listener,
      secs,
      seed,
      started,
      faults,
      book,
      memory,
      samples,
      reloads,
      refusals,
      rotations,
      fetches,
      ...seen,
    };
  } finally {
    bed.changes.abandon();
    await Promise.all([...bed.clients, bed.gateway, bed.origin].map((child) => child.stop()));
    bed.issuer.close();
  }
}

async function open({ listener, seed, count }) {
  const issuer = await startIssuer();
  const origin = startChild('origin');
  const gateway = startChild('gateway', ['--expose-gc']);
  const clients = Array.from({ length: count }, () => startChild('client'));
  const targets = (await origin.ask('ports')).map((port) => `http://127.0.0.1:${port}`);
  const places = { listener, targets, jwks: issuer.jwks };
  const changes = new Changes({ seed, places, gateway, issuer, clients });
  const listening = await gateway.ask('start', { config: changes.first(), listen: listeners[listener] });
  changes.port = listening.port;
  while ((await fetch(`${listening.adminUrl}/readyz`)).status !== 200) await sleep(50);
  const settings = { port: listening.port, listener, tokens: issuer.tokens(), applied: 0 };
  for (const [at, client] of clients.entries())
    await client.ask('start', { name: `c${at}`, seed: seed + at * 104_729, ...settings });
  return { issuer, origin, gateway, clients, changes, listening, listener };
}

async function traffic({ gateway, clients, changes }, secs, say) {
  const [samples, began] = [[], performance.now()];
  const changing = changes.run();
  for (let next = 1; next <= secs; next += 1) {
    await Promise.race([sleep(Math.max(0, began + next * 1000 - performance.now())), changing]);
    const at = (performance.now() - began) / 1000;
    samples.push(await sampleOf(gateway, at));
    // A machine that stood still is not made up for.
    next = Math.max(next, Math.floor(at));
    if (next % 10 === 0 || next === secs) say(lineOf(next, samples.at(-1), await counted(clients)));
  }
  await changes.stop();
  const books = await Promise.all(clients.map((client) => client.ask('stop')));
  return { samples, books };
}

async function sampleOf(gateway, at) {
  const { heapUsed, external } = await gateway.ask('memory');
  return {
    at: Number(at.toFixed(1)),
    rss: residentMiB([gateway.pid]),
    heap: heapUsed / MiB,
    external: external / MiB,
    descriptors: readdirSync(`/proc/${gateway.pid}/fd`).length,
  };
}

async function counted(clients) {
  const all = await Promise.all(clients.map((client) => client.ask('count')));
  return Object.fromEntries(
    ['answers', 'wrong', 'unexplained'].map((key) => [key, all.reduce((sum, one) => sum + one[key], 0)]),
  );
}

function lineOf(at, { rss, heap, descriptors }, { answers, wrong, unexplained }) {
  const memory = `${rss.toFixed(1)} MiB resident, ${heap.toFixed(2)} MiB heap, ${descriptors} descriptors`;
  return `${at} s: ${answers} answers, ${wrong} wrong, ${unexplained} unexplained ends; ${memory}`;
}

/** What is left when nobody sends any more, and what each side counted. */
async function afterwards({ gateway, origin, listening }) {
  const rest = await atRest(gateway, listening.adminUrl);
  const metrics = readMetrics(await textOf(`${listening.adminUrl}/metrics`));
  const upstream = await origin.ask('report');
  const { running, logged } = await gateway.ask('report');
  const last = await sampleOf(gateway, 0);
  const { records } = await gateway.ask('close');
  const timeouts = {};
  for (const { name, labels, value } of metrics)
    if (name === 'ferrogate_client_timeouts_total') timeouts[labels.clock] = value;
  const requests = total(metrics, 'ferrogate_http_requests_total');
  const retries = total(metrics, 'ferrogate_upstream_retries_total');
  return {
    rest,
    counts: countsOf(metrics),
    timeouts,
    requests,
    retries,
    upstream,
    running,
    logged,
    records,
    last,
  };
}

/** The gauges that must be 0 and what handlers run, once they are, or after `QUIET_MS` as they are. */
async function atRest(gateway, adminUrl) {
  const end = performance.now() + QUIET_MS;
  for (;;) {
    const metrics = readMetrics(await textOf(`${adminUrl}/metrics`));
    const { running } = await gateway.ask('report');
    const rest = { ...running };
    for (const name of gauges) rest[name] = total(metrics, `ferrogate_${name}`);
    for (const { name, labels, value } of metrics)
      if (name === 'ferrogate_http_requests_in_flight' && value !== 0)
        rest[`in flight of ${labels.endpoint}`] = value;
    if (Object.values(rest).every((value) => value === 0) || performance.now() > end) return rest;
    await sleep(200);
  }
}

const textOf = async (url) => (await fetch(url)).text();

function merged(books) {
  const all = newBook();
  for (const book of books) {
    for (const table of ['known', 'unknown'])
      for (const [key, count] of Object.entries(book[table]))
        all[table][key] = (all[table][key] ?? 0) + count;
    for (const [name, counts] of Object.entries(book.kinds)) {
      all.kinds[name] ??= { runs: 0, ok: 0, stopped: 0, late: 0 };
      const sum = all.kinds[name];
      for (const key of Object.keys(sum)) sum[key] += counts[key];
    }
    for (const key of ['wrongs', 'unexplaineds', 'answers', 'connections']) all[key] += book[key];
    all.wrong.push(...book.wrong);
    all.unexplained.push(...book.unexplained);
  }
  return all;
}

/** Everything that must not be, a sentence each. */
function faultsOf({
  book,
  memory,
  rest,
  counts,
  upstream,
  logged,
  records,
  requests,
  changes,
  issuer,
  secs,
}) {
  const left = Object.entries(rest).filter(([, value]) => value !== 0);
  const grown = memory.filter(({ flat }) => !flat);
  const mostFetches = secs + 10;
  return [
    ...(book.wrongs > 0 ? [`${book.wrongs} wrong answers`] : []),
    ...(book.unexplaineds > 0 ? [`${book.unexplaineds} connections that ended unexplained`] : []),
    ...grown.map(
      ({ what, growth, bound }) => `${what} grew by ${growth.toFixed(2)}, at most ${bound.toFixed(2)}`,
    ),
    ...left.map(([name, value]) => `${name} is ${value} at rest`),
    ...compareCounts(book, counts).map((text) => `metrics: ${text}`),
    ...upstream.faults.map((text) => `the upstream saw ${text}`),
    ...changes.faults,
    ...records.faults.map((text) => `a record with ${text}`),
    ...(records.count === requests ? [] : [`${records.count} records of ${requests} requests`]),
    ...logged.lines.filter((line) => line.startsWith('error')).map((line) => `logged: ${line}`),
    ...(issuer.fetches > mostFetches ? [`${issuer.fetches} fetches of the key set in ${secs} s`] : []),
  ];
}
