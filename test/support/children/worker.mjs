// A worker thread with a gateway on a shared core: it listens, or sends requests to itself, as it is told.
import { parentPort, workerData } from 'node:worker_threads';
import { createGateway } from '../../../dist/index.js';

const { core, config, listen } = workerData;
const quiet = { info() {}, warn() {}, error() {} };
const gateway = createGateway(config, { logger: quiet, core });
gateway.get('/limited', { id: 'limited', limits: ['shared'] }, () => 'ok');
gateway.get('/free', { id: 'free' }, () => 'ok');
gateway.get('/slow', { id: 'slow' }, () => new Promise((resolve) => setImmediate(() => resolve('slow'))));
await gateway.applied();
const port = listen ? (await gateway.listen({ port: 0, admin: false, ...listen })).port : 0;

/** Requests without end, of every kind, until the thread is killed. */
function run() {
  let answered = 0;
  const lane = async (url) => {
    for (;;) {
      const response = await gateway.inject(url);
      await response.text();
      answered += 1;
      if (answered % 64 === 0) parentPort.postMessage({ answered });
    }
  };
  for (const url of ['/up', '/slow', '/limited', '/up?x', '/none', '/up?y']) void lane(url);
}

parentPort.on('message', async ({ order, count = 1 }) => {
  if (order === 'run') return run();
  if (order === 'close') {
    await gateway.close();
    parentPort.postMessage({ closed: true });
    parentPort.close();
    return;
  }
  const statuses = {};
  await Promise.all(
    Array.from({ length: count }, async () => {
      const { status } = await gateway.inject('/limited');
      statuses[status] = (statuses[status] ?? 0) + 1;
    }),
  );
  parentPort.postMessage({ statuses });
});
parentPort.postMessage({ port });
