// Code of the application that throws wherever it is called: the client gets one answer or a broken body, nobody else notices, and nothing is thrown into the process.
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGateway, type Handler, type Logger, type RuntimeOptions } from '../../src/index.ts';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { underTest } from '../support/listeners.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const oops = (): never => {
  throw new Error('oops');
};
/** Throws whatever is done with it. */
const hostile = new Proxy(
  {},
  { get: oops, has: oops, ownKeys: oops, getPrototypeOf: oops, getOwnPropertyDescriptor: oops },
);
const thenable = (value: (done: (result: string) => void) => void, of: object = {}): object =>
  Object.defineProperty(of, 'then', { value });
/** Cannot be shown as text. */
const unprintable = Object.create(null) as object;
const throwingError = Object.defineProperty(new Error('x'), 'message', { get: oops });

const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);
beforeEach(() => {
  uncaught.length = 0;
  // What a logger loses is written there.
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  process.prependListener('uncaughtException', note);
  process.prependListener('unhandledRejection', note);
});
afterEach(() => {
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
  vi.restoreAllMocks();
  expect(uncaught).toEqual([]);
});

/** Nothing is left of the request, and another one is served. */
async function servesOn({ url, inFlight }: Pick<ListeningGateway, 'url' | 'inFlight'>): Promise<void> {
  expect(await (await fetch(`${url}/ok`)).text()).toBe('ok');
  await until('nothing in flight', async () => (await inFlight()) === 0);
  // What is thrown into the process comes by the next turns.
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const throwing: Logger = { info: oops, warn: oops, error: oops };
const rejecting: Logger = {
  info: async () => oops(),
  warn: async () => oops(),
  error: async () => oops(),
};

const results: Readonly<Record<string, () => unknown>> = {
  'an object whose properties throw': () => hostile,
  'a promise of one': async () => ({ a: hostile }),
  'a getter that throws': () => ({
    get a() {
      return oops();
    },
  }),
  'toJSON that throws': () => ({ toJSON: oops }),
  'a "then" that cannot be read': () => Object.defineProperty({}, 'then', { get: oops }),
  'a "then" that throws': () => thenable(oops),
  'a "then" that throws behind its answer': () =>
    thenable((done) => {
      done('once');
      oops();
    }),
  'a promise with a "then" of its own that throws': () => thenable(oops, Promise.resolve('x')),
  'a Proxy of a Response': () => new Proxy(new Response('x'), {}),
  'a Response whose headers throw': () => Object.defineProperty(new Response('x'), 'headers', { get: oops }),
  'a Response whose body throws': () => Object.defineProperty(new Response('x'), 'body', { get: oops }),
  'what looks like a Response': () => Object.create(Response.prototype),
  'an iterator that cannot be had': () => ({ [Symbol.asyncIterator]: oops }),
  'an iterator that is none': () => ({ [Symbol.asyncIterator]: () => null }),
  'an iterator without next': () => ({ [Symbol.asyncIterator]: () => ({}) }),
  'a locked stream': () => {
    const stream = new Blob(['x']).stream();
    stream.getReader();
    return stream;
  },
  'nothing: it throws null': () => {
    throw null;
  },
  'nothing: it throws what cannot be shown': () => {
    throw unprintable;
  },
  'nothing: it throws a Proxy': () => {
    throw hostile;
  },
  'nothing: it throws an error whose message throws': () => {
    throw throwingError;
  },
  'nothing: it rejects with a Proxy': () => Promise.reject(hostile),
};

type Piece = () => { done?: boolean; value?: unknown } | Promise<{ done?: boolean; value?: unknown }>;
const iterating = (next: Piece, end: object = {}): object => ({
  [Symbol.asyncIterator]: () => ({ next, ...end }),
});

const streams: Readonly<Record<string, () => object>> = {
  'throws at once': () => iterating(oops),
  'rejects with what cannot be shown': () => iterating(() => Promise.reject(unprintable)),
  'gives what is no piece': () => iterating(async () => ({ value: hostile })),
  'gives a result that cannot be read': () => iterating(async () => hostile),
  'gives no object': () => iterating(async () => 1 as never),
  'throws, and again when it is ended': () => iterating(oops, { return: oops }),
  'throws, and has an end that cannot be read': () =>
    iterating(oops, Object.defineProperty({}, 'return', { get: oops, enumerable: false })),
  'throws, and rejects when it is ended': () =>
    iterating(oops, { return: () => Promise.reject(unprintable) }),
  'is a ReadableStream that errors with a Proxy': () =>
    new ReadableStream({ pull: (controller) => controller.error(hostile) }),
  'is a ReadableStream that gives a Proxy and throws when it is cancelled': () =>
    new ReadableStream({ pull: (controller) => controller.enqueue(hostile), cancel: oops }),
};

const loggers: Readonly<Record<string, RuntimeOptions>> = {
  'a logger that keeps lines': {},
  'a logger that throws': { logger: throwing, records: throwing },
  'a logger that rejects': { logger: rejecting, records: rejecting },
};

describe.each(Object.entries(loggers))('with %s', (_, runtime) => {
  it.each(Object.entries(results))('a handler whose result is %s', async (name, make) => {
    const gateway = await startGateway(
      {},
      (made) => made.get('/', make as Handler).get('/ok', () => 'ok'),
      runtime,
    );
    const client = await RawClient.connect(gateway.port);
    const answer = await client.send(requestText('GET', '/')).answer();
    if (name.endsWith('behind its answer')) expect(answer.body.toString()).toBe('once');
    // Some versions of Node.js look through it.
    else if (name === 'a Proxy of a Response') expect([200, 500]).toContain(answer.status);
    else {
      expect([name, answer.status]).toEqual([name, 500]);
      expect(answer.body.toString()).not.toContain('oops');
    }
    await servesOn(gateway);
  });

  it.each(Object.entries(streams))('a stream that %s', async (_, make) => {
    const gateway = await startGateway(
      {},
      (made) => made.get('/', make as Handler).get('/ok', () => 'ok'),
      runtime,
    );
    const client = await RawClient.connect(gateway.port);
    const answer = await client
      .send(requestText('GET', '/'))
      .answer()
      .catch(() => null);
    expect(answer?.complete ?? false).toBe(false);
    await servesOn(gateway);
  });

  it('a client that leaves a stream whose end throws', async () => {
    for (const end of [oops, () => Promise.reject(hostile), () => hostile]) {
      const stream = iterating(async () => ({ value: new Uint8Array(65_536) }), { return: end });
      const made = await startGateway(
        {},
        (one) => one.get('/', () => stream as never).get('/ok', () => 'ok'),
        runtime,
      );
      const client = await RawClient.connect(made.port);
      client.send(requestText('GET', '/'));
      await until('some of it', () => client.socket.bytesRead > 0);
      client.reset();
      await servesOn(made);
    }
  });

  it('an answer that comes after the client left', async () => {
    for (const late of [hostile, iterating(oops, { return: oops }), new Proxy(new Response('x'), {})]) {
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      let answer = (_: unknown): void => {};
      const made = await startGateway(
        {},
        (one) =>
          one
            .get('/', ({ signal }) => {
              begin();
              signal.onabort = () => answer({ late });
              return new Promise((resolve) => {
                answer = () => resolve((late === hostile ? { late } : late) as never);
              });
            })
            .get('/ok', () => 'ok'),
        runtime,
      );
      const client = await RawClient.connect(made.port);
      client.send(requestText('GET', '/'));
      await begun;
      client.reset();
      await servesOn(made);
    }
  });
});

describe('listeners of events that fail', () => {
  it('stop neither the gateway nor one another', async () => {
    const up = await startUpstream((_, response) => void response.end('ok'));
    const config = {
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/ok' }, upstream: 'back' }],
    };
    for (const fail of [oops, async () => oops(), () => Promise.reject(hostile)]) {
      const told: string[] = [];
      const gateway = createGateway(config, { logger: throwing, records: throwing });
      onTestFinished(() => gateway.close({ timeoutMs: 0 }));
      for (const event of ['listening', 'reload', 'close'] as const) {
        gateway.once(event, fail);
        gateway.on(event, fail);
        gateway.on(event, () => void told.push(event));
      }
      const { url } = await gateway.listen({ port: 0, admin: false, ...underTest });
      await gateway.reload(config);
      expect(await (await fetch(`${url}/ok`)).text()).toBe('ok');
      await gateway.close();
      expect(told).toEqual(['listening', 'reload', 'close']);
    }
  });
});

describe('a stream of records that breaks', () => {
  it.each([
    ['throws', () => Object.assign(new Writable(), { write: oops }), true],
    ['fails later', () => new Writable({ write: (_, __, done) => done(new Error('disk full')) }), true],
    ['was destroyed', () => new Writable().destroy(), false],
  ] as const)('%s: requests are served on', async (_, make, isTold) => {
    const gateway = await startGateway({}, (made) => made.get('/ok', () => 'ok'), { records: make() });
    await servesOn(gateway);
    const told = 'access records could not be written';
    if (isTold) await until('it to be told', () => gateway.lines.some(({ message }) => message === told));
    await servesOn(gateway);
    await gateway.gateway.close();
  });
});
