// A module of handlers that holds requests, tells a test over a channel which environment has them, and does there what the test says.
import { BroadcastChannel, isMainThread, threadId, workerData } from 'node:worker_threads';

const channel = new BroadcastChannel('ferrogate-handlers');
channel.unref();
const held = [];

channel.onmessage = ({ data: { order, thread } }) => {
  if (thread !== undefined && thread !== threadId) return;
  if (order === 'release') for (const resolve of held.splice(0)) resolve({ thread: threadId });
  else if (order === 'exit') process.exit(9);
  else if (order === 'throw') {
    setImmediate(() => {
      throw new Error('on purpose');
    });
  }
};
const tell = (said) => channel.postMessage({ ...said, thread: threadId });

/** Registers the routes. */
export default async (gateway) => {
  await new Promise((resolve) => setImmediate(resolve));
  gateway.get('/thread', () => ({ thread: threadId }));
  gateway.get('/hold', { id: 'hold' }, () => new Promise((resolve) => tell({ said: held.push(resolve) })));
  gateway.get('/throw', () => {
    throw new Error('on purpose');
  });
  gateway.get('/never', ({ signal }) => {
    signal.addEventListener('abort', () => tell({ said: 'aborted' }));
    tell({ said: 'never' });
    return new Promise(() => {});
  });
  gateway.group('/api', (api) => {
    api.post('/upper', { maxBodyBytes: '8mb' }, async ({ body }) => (await body.text()).toUpperCase());
    api.post('/json', async ({ body }) => body.json());
    api.get('/stream', () => pieces());
  });
  if (isMainThread || workerData === null) return;
  process.on('exit', () => tell({ said: 'ended' }));
  tell({ said: 'started' });
};

async function* pieces() {
  for (let at = 0; at < 64; at += 1) yield new Uint8Array(16_384).fill(97);
}
