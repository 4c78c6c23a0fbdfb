// Worker threads that name one core share its limits exactly, whether they listen or not.
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayConfig, ListenOverrides } from '../../src/index.ts';
import { underTest } from '../support/listeners.ts';

const script = new URL('../support/children/worker.mjs', import.meta.url);

interface Reply {
  readonly port?: number;
  readonly statuses?: Record<string, number>;
}

async function startWorker(
  core: string,
  config: GatewayConfig,
  listen: ListenOverrides | null = null,
): Promise<{ worker: Worker; port: number }> {
  const worker = new Worker(script, { workerData: { core, config, listen } });
  onTestFinished(async () => void (await worker.terminate()));
  const { port = 0 } = await reply(worker);
  return { worker, port };
}

function reply(worker: Worker): Promise<Reply> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function ask(worker: Worker, order: object): Promise<Reply> {
  const answered = reply(worker);
  worker.postMessage(order);
  return answered;
}

describe('worker threads', () => {
  it('of one core let through exactly what one limit allows', async () => {
    const config = { limits: { shared: { rate: 100, per: '1h' } } };
    const workers = await Promise.all([0, 1, 2].map(() => startWorker('exact', config)));
    const replies = await Promise.all(
      workers.map(({ worker }) => ask(worker, { order: 'inject', count: 80 })),
    );
    const sum = (status: string): number =>
      replies.reduce((all, { statuses }) => all + (statuses?.[status] ?? 0), 0);
    expect([sum('200'), sum('429')]).toEqual([100, 140]);
  });

  it('of different cores do not share', async () => {
    const config = { limits: { shared: { rate: 5, per: '1h' } } };
    const workers = await Promise.all(['one', 'two'].map((core) => startWorker(core, config)));
    for (const { worker } of workers)
      expect((await ask(worker, { order: 'inject', count: 10 })).statuses).toEqual({ 200: 5, 429: 5 });
  });

  it('listen each on a port of their own and share what is left', async () => {
    const config = { limits: { shared: { rate: 3, per: '1h' } } };
    const workers = await Promise.all([0, 1].map(() => startWorker('ports', config, underTest)));
    const statuses: number[] = [];
    for (const at of [0, 1, 0, 1]) {
      const response = await fetch(`http://127.0.0.1:${workers[at]?.port}/limited`);
      statuses.push(response.status);
    }
    expect(statuses).toEqual([200, 200, 200, 429]);
    for (const { worker } of workers) {
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      expect(await ask(worker, { order: 'close' })).toEqual({ closed: true });
      expect(await ended).toBe(0);
    }
  });
});
