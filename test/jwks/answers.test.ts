// What a server of keys may answer instead of keys: each is a failure of its class, and nothing of it is told but that.
import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { bench, type KeyServer, keys, keysWith, remote, status } from './support.ts';

const at = bench();

type Reply = { end(text: string): void };
const text = (body: string) => (_: unknown, response: Reply) => response.end(body);

describe('an answer that is no key set', () => {
  it.each([
    ['an error', status(500), 'unavailable', 'the server answered 500'],
    ['too many requests', status(429), 'unavailable', 'the server answered 429'],
    ['no such place', status(404), 'missing', 'the server answered 404'],
    ['a refusal', status(403), 'denied', 'the server answered 403'],
    ['no content', status(204), 'status', 'the server answered 204'],
    [
      'a redirect',
      status(302, { Location: '/other' }),
      'redirect',
      'the server answered 302; redirects are not followed',
    ],
    ['other JSON', text('{"keys":"none"}'), 'malformed', 'the answer is no JSON Web Key Set'],
    ['a list', text('[]'), 'malformed', 'the server answered with what is no JSON object'],
    ['HTML', text('<html>'), 'malformed', 'the server answered with what is no JSON'],
    [
      'too much',
      text(`{"keys":[],"x":"${'x'.repeat(524_288)}"}`),
      'too_large',
      'the server answered with more than 524288 bytes',
    ],
    [
      'an encoding',
      keysWith({ 'Content-Encoding': 'gzip' }, 'k1'),
      'malformed',
      'the server answered with an encoding that it was not asked for',
    ],
    [
      'a broken connection',
      (request: { socket: { destroy(): void } }) => request.socket.destroy(),
      'connection',
      'the connection to the server failed: ECONNRESET',
    ],
    [
      'a body that is cut short',
      (_: unknown, response: ServerResponse) => {
        response.writeHead(200, { 'Content-Length': 1000 });
        response.write('{"keys":[]', () => response.destroy());
      },
      'connection',
      'the connection to the server failed: ECONNRESET',
    ],
    ['no usable key', keys('bad1'), 'unusable', 'the key set holds no usable key'],
  ])('%s counts as a failure', async (_, answer, reason, message) => {
    at.server.answer = answer as KeyServer['answer'];
    at.begin(remote('main', at.server.url));
    await vi.waitUntil(() => at.sink.seen.includes('main failed'), { interval: 1 });
    const warning = at.logger.lines.find((line) => line.message === 'the key set of an issuer cannot be had');
    expect(warning?.fields).toEqual({ issuer: 'main', reason: message, class: reason, retryMs: 1_000 });
    expect(at.server.requests).toBe(1);
  });

  it('is not told by its content type: what is in it decides', async () => {
    at.server.answer = keysWith({ 'Content-Type': 'text/html' }, 'k1');
    await at.begin(remote('main', at.server.url)).ready();
    expect(at.sink.seen).toEqual(['main: k1']);
  });

  it.each([
    ['nothing comes', () => {}],
    ['its body drips', (_: unknown, response: ServerResponse) => void response.write('{"keys":[')],
  ])('counts against the timeout when %s', async (_, answer) => {
    at.server.answer = answer;
    at.begin(remote('main', at.server.url, { fetchTimeoutMs: 40 }));
    await at.sink.until(1);
    expect(at.sink.seen).toEqual(['main failed']);
    expect(at.logger.lines[0]?.fields).toMatchObject({ class: 'timeout' });
  });

  it('never has its URL in the log', async () => {
    at.server.answer = status(403);
    at.begin(remote('main', `${at.server.url}?secret=hunter2`));
    await at.sink.until(1);
    expect(JSON.stringify(at.logger.lines)).not.toContain('hunter2');
  });
});
