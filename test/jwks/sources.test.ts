// Key sources over time, against real servers on loopback and fake timers.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKeySources, type KeySources } from '../../src/jwks/sources.ts';
import {
  heardLogger,
  inline,
  type KeyServer,
  keys,
  keysWith,
  observedSink,
  remote,
  startKeyServer,
  status,
} from './support.ts';

let server: KeyServer;
let sources: KeySources | undefined;
let sink = observedSink();
let logger = heardLogger();

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(Math, 'random').mockReturnValue(0);
  sink = observedSink();
  logger = heardLogger();
  server = await startKeyServer(keys('k1'));
});

afterEach(async () => {
  sources?.close();
  sources = undefined;
  vi.useRealTimers();
  vi.restoreAllMocks();
  await server.close();
});

function begin(...issuers: Parameters<typeof createKeySources>[0]): KeySources {
  sources = createKeySources(issuers, sink, { logger });
  sources.start();
  return sources;
}

/** Until the timer of the next fetch stands: the sink is told just before. */
const armed = (): Promise<unknown> => vi.waitUntil(() => vi.getTimerCount() > 0, { interval: 1 });

describe('a remote key set', () => {
  it('is fetched at start, and then the sources are ready', async () => {
    await begin(remote('main', server.url)).ready();
    expect(sink.seen).toEqual(['main: k1']);
  });

  it('is fetched again before it ages out and brings rotated keys', async () => {
    server.answer = keysWith({ 'Cache-Control': 'max-age=100' }, 'k1');
    begin(remote('main', server.url));
    await sink.until(1);
    await armed();
    server.answer = keys('k1', 'k2');
    vi.advanceTimersByTime(79_999);
    expect(server.requests).toBe(1);
    vi.advanceTimersByTime(1);
    await sink.until(2);
    expect(sink.seen).toEqual(['main: k1', 'main: k1,k2']);
  });

  it('is fetched at once when a token names an unknown key', async () => {
    const running = begin(remote('main', server.url));
    await sink.until(1);
    server.answer = keys('k2');
    await armed();
    running.wanted('main');
    await sink.until(2);
    expect(sink.seen).toEqual(['main: k1', 'main: k2']);
  });

  it('is fetched once for all who want it meanwhile', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.answer = async (request, response) => {
      await held;
      keys('k1')(request, response);
    };
    const running = begin(remote('main', server.url));
    for (let time = 0; time < 100; time += 1) running.wanted('main');
    release();
    await running.ready();
    expect(server.requests).toBe(1);
    expect(sink.seen).toEqual(['main: k1']);
  });

  it('is kept when its source fails, which is tried again with growing pauses', async () => {
    begin(remote('main', server.url));
    await sink.until(1);
    await armed();
    server.answer = status(503);
    vi.advanceTimersByTime(480_000);
    await sink.until(2);
    await armed();
    vi.advanceTimersByTime(999);
    expect(server.requests).toBe(2);
    vi.advanceTimersByTime(1);
    await sink.until(3);
    await armed();
    server.answer = keys('k2');
    vi.advanceTimersByTime(2_000);
    await sink.until(4);
    expect(sink.seen).toEqual(['main: k1', 'main failed', 'main failed', 'main: k2']);
    expect(logger.lines.map(({ fields }) => fields['retryMs'])).toEqual([1_000, 2_000]);
  });

  it('fetches nothing more once closed', async () => {
    const running = begin(remote('main', server.url));
    await sink.until(1);
    await armed();
    // Node's own fetch may have timers too.
    const before = vi.getTimerCount();
    running.close();
    running.wanted('main');
    expect(vi.getTimerCount()).toBe(before - 1);
    expect(server.requests).toBe(1);
  });
});

describe('an answer that is no key set', () => {
  it.each([
    ['an error', status(500), 'the server answered 500'],
    ['no content', status(204), 'the server answered 204'],
    ['a redirect', status(302, { Location: '/other' }), 'unexpected redirect'],
    [
      'other JSON',
      (_: unknown, response: { end(text: string): void }) => response.end('{"keys":"none"}'),
      'JSON Web Key Set malformed',
    ],
    [
      'no JSON',
      (_: unknown, response: { end(text: string): void }) => response.end('<html>'),
      'Failed to parse the JSON Web Key Set HTTP response as JSON',
    ],
    [
      'too much',
      (_: unknown, response: { end(text: string): void }) =>
        response.end(`{"keys":[],"x":"${'x'.repeat(524_288)}"}`),
      'the key set is longer than 524288 bytes',
    ],
    [
      'a broken connection',
      (request: { socket: { destroy(): void } }) => request.socket.destroy(),
      expect.any(String),
    ],
    ['no usable key', keys('bad1'), 'the key set holds no usable key'],
  ])('%s counts as a failure', async (_, answer, reason) => {
    server.answer = answer as KeyServer['answer'];
    begin(remote('main', server.url));
    await vi.waitUntil(() => sink.seen.includes('main failed'), { interval: 1 });
    const warning = logger.lines.find(({ message }) => message === 'the key set of an issuer cannot be had');
    expect(warning?.fields).toMatchObject({ issuer: 'main', retryMs: 1_000 });
    expect(warning?.fields['reason']).toEqual(reason);
    expect(server.requests).toBe(1);
  });

  it('is reached after no more than the timeout', async () => {
    server.answer = () => {};
    sources = createKeySources([remote('main', server.url)], sink, { logger, timeoutMs: 20 });
    sources.start();
    await sink.until(1);
    expect(sink.seen).toEqual(['main failed']);
  });

  it('counts against the timeout while its body drips', async () => {
    server.answer = (_, response) => void response.write('{"keys":[');
    sources = createKeySources([remote('main', server.url)], sink, { logger, timeoutMs: 50 });
    sources.start();
    await sink.until(1);
    expect(sink.seen).toEqual(['main failed']);
  });

  it('never has its URL in the log', async () => {
    server.answer = status(403);
    begin(remote('main', `${server.url}?secret=hunter2`));
    await sink.until(1);
    expect(JSON.stringify(logger.lines)).not.toContain('hunter2');
  });
});

describe('an inline key set', () => {
  it('is there at once', async () => {
    await begin(inline('own', 'k1')).ready();
    expect(sink.seen).toEqual(['own: k1']);
  });

  it('has nothing new when a key is wanted', () => {
    begin(inline('own', 'k1')).wanted('own');
    expect(sink.seen).toEqual(['own: k1', 'own failed']);
  });

  it('says once which keys are ignored', () => {
    begin(inline('own', 'k1', 'bad1'));
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        fields: { issuer: 'own', ignored: ['bad1'] },
        message: 'keys of an issuer are ignored',
      },
    ]);
  });
});

describe('other issuers after a reload', () => {
  it('leaves an unchanged source alone, starts a new one, drops an old one', async () => {
    const running = begin(remote('main', server.url), inline('old', 'k9'));
    await running.ready();
    running.update([remote('main', server.url), inline('new', 'k3')]);
    await running.ready();
    expect(sink.seen).toEqual(['old: k9', 'main: k1', 'old failed', 'new: k3']);
    expect(server.requests).toBe(1);
  });

  it('fetches from a changed URL and never hears the old one', async () => {
    const other = await startKeyServer(keys('k2'));
    server.answer = () => {};
    const running = begin(remote('main', server.url));
    running.update([remote('main', other.url)]);
    await running.ready();
    expect(sink.seen).toEqual(['main failed', 'main: k2']);
    await other.close();
  });
});

describe('ready', () => {
  it('is fulfilled without issuers', async () => {
    await begin().ready();
    expect(sink.seen).toEqual([]);
  });

  it('is fulfilled when the issuer that held it up is gone', async () => {
    server.answer = status(500);
    const running = begin(remote('main', server.url));
    const ready = running.ready();
    running.update([]);
    await ready;
  });

  it('is rejected when closed before', async () => {
    server.answer = () => {};
    const running = begin(remote('main', server.url));
    const ready = running.ready();
    running.close();
    await expect(ready).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
    await expect(running.ready()).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
  });
});

describe('stats', () => {
  it('counts refreshes and age by issuer', async () => {
    let now = 1_000_000;
    sources = createKeySources([inline('own', 'k1', 'k2'), remote('main', server.url)], sink, {
      logger,
      now: () => now,
    });
    server.answer = status(500);
    sources.start();
    await sink.until(2);
    now += 2_500;
    const values = Object.fromEntries(
      sources
        .stats()
        .map(({ name, samples }) => [
          name,
          samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]),
        ]),
    );
    expect(values).toEqual({
      ferrogate_key_set_refreshes_total: [
        ['own loaded', 1],
        ['own failed', 0],
        ['main loaded', 0],
        ['main failed', 1],
      ],
      ferrogate_key_set_age_seconds: [
        ['own', 2.5],
        ['main', -1],
      ],
    });
  });
});

it('lets a server that goes away mid-fetch count as a failure', async () => {
  const gone = await startKeyServer(() => {});
  begin(remote('main', gone.url));
  await vi.waitUntil(() => gone.requests === 1, { interval: 1 });
  await gone.close();
  await sink.until(1);
  expect(sink.seen).toEqual(['main failed']);
});
