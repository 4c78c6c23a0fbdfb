// The process whose JavaScript heap is measured: node subject.mjs forward|reading SETTINGS_FILE, with --expose-gc and an IPC channel.
import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { loadedRoute } from '../inputs/routes.mjs';

const [mode, settingsFile] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(settingsFile, 'utf8'));

let collections = 0;
let before = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const used = () => getHeapStatistics().used_heap_size;
// Twice: the first may only finish an incremental collection.
const collect = () => {
  globalThis.gc();
  globalThis.gc();
};
const tick = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Between `open` and `close` no collection may run: what the heap grew by is what was allocated. */
const commands = {
  async open() {
    collect();
    await tick();
    collections = 0;
    before = used();
    return {};
  },
  async close() {
    const allocated = used() - before;
    await tick();
    const disturbed = collections > 0;
    collect();
    return { allocated, disturbed, live: used() };
  },
};
process.on('message', async (name) => process.send(await commands[name]()));
process.once('disconnect', () => process.exit(0));

const port = mode === 'forward' ? await startGateway() : await startReading();
process.send({ port });

async function startGateway() {
  const { createGateway } = await import('../../dist/index.js');
  const policies = { jwt: { issuer: 'main', scopes: ['read:orders'] }, limits: ['perClient'] };
  const gateway = createGateway({
    listen: settings.listen,
    records: false,
    issuers: { main: { issuer: settings.issuer, audience: [settings.audience], jwks: settings.jwks } },
    limits: { perClient: settings.limit },
    upstreams: { origin: { targets: [`http://127.0.0.1:${settings.origin}`] } },
    routes: [{ id: 'loaded', match: { path: loadedRoute }, upstream: 'origin', ...policies }],
  });
  return (await gateway.listen({ host: '127.0.0.1', port: 0 })).port;
}

/** What uWebSockets.js makes JavaScript allocate to hand over the same facts, without a gateway. */
async function startReading() {
  const loaded = await import('uWebSockets.js');
  const uws = loaded.default ?? loaded;
  let block = '';
  const append = (name, value) => {
    block += `${name}: ${value}\r\n`;
  };
  const seen = { bytes: 0 };
  const app = uws.App().any('/*', (res, req) => {
    block = '';
    req.forEach(append);
    // The length in bytes makes one flat string of the pieces, as a native call does.
    seen.bytes += Buffer.byteLength(block) + req.getUrl().length + (req.getQuery() ?? '').length;
    seen.bytes += req.getCaseSensitiveMethod().length + res.getRemoteAddress().byteLength;
    res.end(settings.body);
  });
  return new Promise((resolve) => {
    app.listen('127.0.0.1', 0, (socket) => resolve(uws.us_socket_local_port(socket)));
  });
}
