// Starts and terminates worker threads that serve a shared core, each while requests run through its engine; the process must live on.
import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';
import { createGateway } from '../../../dist/index.js';

const { kills } = JSON.parse(process.argv[2] ?? '{}');
const upstream = createServer((_, response) => response.end('up'));
await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const config = {
  limits: { shared: { rate: 1_000_000, per: '1s' } },
  upstreams: { back: { targets: [`http://127.0.0.1:${upstream.address().port}`] } },
  routes: [{ id: 'up', match: { path: '/up' }, upstream: 'back', limits: ['shared'] }],
};
const core = 'kill-workers';
const quiet = { info() {}, warn() {}, error() {} };
const main = createGateway(config, { logger: quiet, core });
main.get('/limited', { id: 'limited', limits: ['shared'] }, () => 'ok');
main.get('/free', { id: 'free' }, () => 'ok');
main.get('/slow', { id: 'slow' }, () => new Promise((resolve) => setImmediate(() => resolve('slow'))));
await main.applied();

let answered = 0;

async function one() {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: { core, config, listen: null },
  });
  const heard = () => new Promise((resolve) => worker.once('message', resolve));
  await heard();
  worker.postMessage({ order: 'run' });
  answered += (await heard()).answered;
  await worker.terminate();
}

const lane = async (count) => {
  for (let at = 0; at < count; at += 1) await one();
};
await Promise.all([lane(Math.ceil(kills / 2)), lane(Math.floor(kills / 2))]);
const alive = await (await main.inject('/up')).text();
await main.close();
upstream.close();
upstream.closeAllConnections();
process.send({ alive, answered });
process.disconnect();
