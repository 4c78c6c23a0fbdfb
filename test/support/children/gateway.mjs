// A gateway in a process of its own, from the built package: its configuration comes as an argument, its orders over IPC.
import { createGateway } from '../../../dist/index.js';

const { config = {}, handlers = false, listen = {} } = JSON.parse(process.argv[2] ?? '{}');
const quiet = { info() {}, warn() {}, error() {} };
const gateway = createGateway(config, { logger: quiet });
const held = [];

function register() {
  gateway.get('/js/hello', ({ query }) => ({ hello: query.get('name') ?? 'world' }));
  gateway.get('/js/hold', () => new Promise((resolve) => held.push(resolve)));
  gateway.get('/js/throw', () => {
    throw new Error('on purpose');
  });
  gateway.get('/js/stream', () => pieces(64, 16_384));
  gateway.post('/js/upper', { maxBodyBytes: '1gb' }, async ({ body }) => (await body.text()).toUpperCase());
  gateway.get(
    '/js/never',
    ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
}

async function* pieces(count, size) {
  for (let at = 0; at < count; at += 1) yield new Uint8Array(size).fill(97);
}

const orders = {
  memory() {
    globalThis.gc?.();
    globalThis.gc?.();
    const { heapUsed, rss, arrayBuffers, external } = process.memoryUsage();
    return { heapUsed, rss, arrayBuffers, external };
  },
  held: () => held.length,
  release(body) {
    for (const resolve of held.splice(0)) resolve(body);
    return true;
  },
  reload: (next) => gateway.reload(next),
  async close(options) {
    await gateway.close(options);
    return true;
  },
};

if (handlers) register();
const listening = await gateway.listen({ port: 0, admin: { port: 0 }, ...listen });
process.on('message', async ({ id, order, argument }) => {
  try {
    process.send({ id, value: await orders[order](argument) });
  } catch (error) {
    process.send({ id, error: `${error.code ?? ''} ${error.message}` });
  }
});
process.send({ id: 0, value: listening });
