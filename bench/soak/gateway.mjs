// The gateway under test: node --expose-gc gateway.mjs with an IPC channel; routes of handlers are here, the rest comes with each order.
import { Writable } from 'node:stream';
import { createGateway } from '../../dist/index.js';
import { contentOf, isContentOf } from './random.mjs';

/** Log lines kept for the report. */
const MAX_LINES = 200;

/** Handlers that run now, by name: nothing may be left when the traffic is over. */
const running = { hold: 0, endless: 0, pipe: 0 };
const logged = { info: 0, warn: 0, error: 0, lines: [] };
const records = { count: 0, faults: [] };
let gateway;

const log = (level) => (fields, message) => {
  logged[level] += 1;
  // What a handler throws on purpose is told each time.
  if (level === 'info' || fields.err?.message === 'on purpose' || logged.lines.length >= MAX_LINES) return;
  logged.lines.push(
    `${level}: ${message} ${fields.err?.message ?? ''} ${JSON.stringify(fields)}`.slice(0, 400),
  );
};

/** Reads every record as a program would: one flat JSON object a line, no control character in it. */
const recordSink = new Writable({
  decodeStrings: false,
  write(lines, _, done) {
    for (const line of lines.toString().split('\n')) if (line !== '') readRecord(line);
    done();
  },
});

function readRecord(line) {
  records.count += 1;
  let fault = /[\x00-\x1f\x7f]/.test(line) ? 'a control character' : null;
  try {
    if (typeof JSON.parse(line).status !== 'number') fault = 'no status';
  } catch {
    fault = 'not JSON';
  }
  if (fault !== null && records.faults.length < MAX_LINES)
    records.faults.push(`${fault}: ${line.slice(0, 200)}`);
}

async function* pieces(id, size, count) {
  const body = contentOf(id, size);
  const step = Math.ceil(size / count);
  for (let at = 0; at < size; at += step) {
    await new Promise((resolve) => setImmediate(resolve));
    yield body.subarray(at, at + step);
  }
}

async function* endless(size) {
  running.endless += 1;
  try {
    const piece = Buffer.alloc(size, 'endless;');
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      yield piece;
    }
  } finally {
    running.endless -= 1;
  }
}

async function* passed(stream) {
  running.pipe += 1;
  try {
    yield* stream;
  } finally {
    running.pipe -= 1;
  }
}

async function hold({ signal }) {
  running.hold += 1;
  try {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  } finally {
    running.hold -= 1;
  }
}

function register() {
  const jwt = { issuer: 'main', scopes: ['read:orders'] };
  gateway.post('/js/echo/:id', { id: 'js-echo' }, async ({ params, query, body }) => {
    const bytes = Buffer.from(await body.bytes());
    return { id: params.id, same: isContentOf(bytes, params.id, Number(query.get('size'))) };
  });
  gateway.get('/js/me/:id', { id: 'js-me', jwt }, ({ params, claims }) => ({
    id: params.id,
    user: claims.sub,
  }));
  gateway.get('/js/stream/:id', { id: 'js-stream' }, ({ params, query }) =>
    pieces(params.id, Number(query.get('size')), Number(query.get('count'))),
  );
  gateway.post('/js/pipe/:id', { id: 'js-pipe' }, ({ body }) => passed(body.stream()));
  gateway.post('/js/early/:id', { id: 'js-early' }, ({ params }) => ({ id: params.id }));
  gateway.get('/js/none/:id', { id: 'js-none' }, () => undefined);
  gateway.get('/js/throw/:id', { id: 'js-throw' }, () => {
    throw new Error('on purpose');
  });
  // Whom clients leave: counted apart, since none of them knows what became of its request.
  gateway.get('/ja/hold/:id', { id: 'js-hold' }, hold);
  gateway.post('/ja/pipe/:id', { id: 'js-abort-pipe' }, ({ body }) => passed(body.stream()));
  gateway.get('/ja/endless/:id', { id: 'js-endless' }, ({ query }) =>
    endless(Number(query.get('size') ?? 65_536)),
  );
}

const orders = {
  async start({ config, listen }) {
    gateway = createGateway(config, {
      logger: { info: log('info'), warn: log('warn'), error: log('error') },
      records: recordSink,
    });
    gateway.on('error', (error) => log('error')({ err: error }, 'error event'));
    register();
    return gateway.listen({ port: 0, admin: { port: 0 }, ...listen });
  },
  reload: (config) => gateway.reload(config),
  generation: () => gateway.applied(),
  /** After forced collections; the second ends what the first began. */
  memory() {
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return { heapUsed, external, arrayBuffers };
  },
  report: () => ({ running, logged, records }),
  async close() {
    await gateway.close();
    return { records };
  },
};

process.on('message', async ({ id, order, argument }) => {
  try {
    process.send({ id, value: await orders[order](argument) });
  } catch (error) {
    process.send({ id, error: { code: error.code ?? '', message: error.message } });
  }
});
process.once('disconnect', () => process.exit(0));
