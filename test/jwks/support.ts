// A key-set server on loopback whose answers a test chooses, and a sink that tests wait on; no real key is in it.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, vi } from 'vitest';
import type { KeyOrigin, KeySource } from '../../src/config/key-set.ts';
import { createKeySources, type KeySink, type KeySources } from '../../src/jwks/sources.ts';
import type { Logger } from '../../src/observe/logger.ts';

export interface KeyServer {
  readonly url: string;
  requests: number;
  /** What the next requests get. */
  answer: RequestListener;
  close(): Promise<void>;
}

export async function startKeyServer(answer: RequestListener): Promise<KeyServer> {
  const server: Server = createServer((request, response) => {
    held.requests += 1;
    held.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const held: KeyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    requests: 0,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return held;
}

/** Answers 200 with a set of keys of these ids. */
export function keys(...kids: string[]): RequestListener {
  return keysWith({}, ...kids);
}

export function keysWith(headers: Record<string, string>, ...kids: string[]): RequestListener {
  return (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(keySet(...kids)));
  };
}

export function keySet(...kids: string[]): { keys: Record<string, string>[] } {
  return { keys: kids.map((kid) => ({ kty: 'RSA', kid, n: 'AQAB', e: 'AQAB' })) };
}

export function status(code: number, headers: Record<string, string> = {}): RequestListener {
  return (_, response) => {
    response.writeHead(code, headers);
    response.end('no keys here');
  };
}

export interface ObservedSink extends KeySink {
  /** `issuer: kid,kid`, `issuer failed` and `issuer expired` in the order they came. */
  readonly seen: string[];
  /** Resolves when `count` things have been seen. */
  until(count: number): Promise<void>;
}

/** A sink that calls keys whose id starts with `bad` unusable. */
export function observedSink(): ObservedSink {
  const seen: string[] = [];
  let wake = (): void => {};
  const note = (text: string): void => {
    seen.push(text);
    wake();
  };
  return {
    seen,
    putKeys(id, json) {
      const kids = (JSON.parse(json) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
      const ignored = kids.filter((kid) => kid.startsWith('bad'));
      note(`${id}: ${kids.join(',')}`);
      return { usable: kids.length - ignored.length, ignored };
    },
    keysFailed: (id) => note(`${id} failed`),
    expireKeys: (id) => note(`${id} expired`),
    async until(count) {
      while (seen.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

export interface Heard extends Logger {
  readonly lines: { level: string; fields: Record<string, unknown>; message: string }[];
}

export function heardLogger(): Heard {
  const lines: Heard['lines'] = [];
  const hear = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  return { lines, info: hear('info'), warn: hear('warn'), error: hear('error') };
}

type Bounds = Partial<Omit<KeySource, 'id' | 'jwks'>>;

/** A source with the defaults of the configuration. */
export function sourceOf(id: string, jwks: KeyOrigin, bounds: Bounds = {}): KeySource {
  return {
    id,
    issuer: `https://${id}.example`,
    jwks,
    allowInsecure: false,
    refreshIntervalMs: 600_000,
    refreshCooldownMs: 30_000,
    fetchTimeoutMs: 5_000,
    maxStaleMs: 86_400_000,
    ...bounds,
  };
}

export function remote(id: string, url: string, bounds: Bounds = {}): KeySource {
  return sourceOf(id, { url }, bounds);
}

export function inline(id: string, ...kids: string[]): KeySource {
  return sourceOf(id, keySet(...kids));
}

/** A server of keys, a sink, a logger and a clock for the tests of a file; sources are begun with the clock in hand. */
export interface Bench {
  server: KeyServer;
  sink: ObservedSink;
  logger: Heard;
  sources: KeySources | undefined;
  begin(...issuers: readonly KeySource[]): KeySources;
  /** Lets time pass for clock and timers. */
  pass(ms: number): void;
  /** Lets time pass for the clock alone. */
  age(ms: number): void;
  /** Until the timer of the next fetch stands: the sink is told just before. */
  armed(): Promise<unknown>;
  /** `label label` and value of every sample, by family. */
  values(): Record<string, [string, number][]>;
  /** Milliseconds until the next fetch. */
  nextIn(): number;
}

/** Sets all of that up before each test of a file, and takes it down. */
export function bench(): Bench {
  let now = 0;
  const made: Partial<Bench> = {
    begin(...issuers) {
      made.sources = createKeySources(issuers, all.sink, { logger: all.logger, now: () => now });
      made.sources.start();
      return made.sources;
    },
    pass(ms) {
      now += ms;
      vi.advanceTimersByTime(ms);
    },
    age(ms) {
      now += ms;
    },
    armed: () => vi.waitUntil(() => vi.getTimerCount() > 0, { interval: 1 }),
    values: () =>
      Object.fromEntries(
        (made.sources?.stats() ?? []).map(({ name, samples }) => [
          name,
          samples.map(({ labels, value = 0 }) => [Object.values(labels).join(' '), value]),
        ]),
      ),
    nextIn: () => (all.values()['ferrogate_key_set_next_refresh_seconds']?.[0]?.[1] ?? 0) * 1000,
  };
  const all = made as Bench;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    now = 1_000_000;
    Object.assign(made, {
      sink: observedSink(),
      logger: heardLogger(),
      server: await startKeyServer(keys('k1')),
    });
  });
  afterEach(async () => {
    made.sources?.close();
    made.sources = undefined;
    vi.useRealTimers();
    vi.restoreAllMocks();
    await all.server.close();
  });
  return all;
}
