// A key-set server on loopback whose answers a test chooses, and a sink that tests wait on; no real key is in it.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeySource } from '../../src/config/issuer.ts';
import type { KeySink } from '../../src/jwks/sources.ts';
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
  /** `issuer: kid,kid` and `issuer failed` in the order they came. */
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

export function remote(id: string, url: string): KeySource {
  return { id, issuer: `https://${id}.example`, jwks: { url }, refreshCooldownMs: 30_000 };
}

export function inline(id: string, ...kids: string[]): KeySource {
  return { id, issuer: `https://${id}.example`, jwks: keySet(...kids), refreshCooldownMs: 30_000 };
}
