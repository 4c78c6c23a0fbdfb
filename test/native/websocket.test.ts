// WebSocket connections through the native listener, from the client of `ws` to its server.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createAuthority } from '../support/certificates.ts';
import { echo, join, startChat, startWith, type Threads } from '../support/chat.ts';
import { type ListeningGateway, metric } from '../support/gateway.ts';
import { startIssuer } from '../support/issuer.ts';
import { until } from '../support/until.ts';

const drives: readonly Threads[] = [1, 2, 'loop'];

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 31) & 0xff));

describe.each(drives)('a WebSocket through %s', (threads) => {
  it('carries messages both ways: text, binary, empty, in fragments', async () => {
    const { socket, next } = await join(await startWith(await startChat(), threads));
    for (const message of ['hello', '', 'ü'.repeat(40_000)]) {
      socket.send(message);
      expect(String(await next())).toBe(message);
    }
    for (const length of [0, 1, 125, 126, 65_535, 65_536, 300_000]) {
      socket.send(pattern(length));
      expect(pattern(length).equals((await next()) as Buffer)).toBe(true);
    }
    for (const part of ['a', 'b'.repeat(70_000), '']) socket.send(part, { fin: false });
    socket.send('z', { fin: true });
    expect(String(await next())).toBe(`a${'b'.repeat(70_000)}z`);
  });

  it('carries a message of 16 MB', async () => {
    const { socket, next } = await join(await startWith(await startChat(), threads));
    const large = Buffer.alloc(16 * 1024 * 1024, 'a word and ');
    socket.send(large);
    expect(large.equals((await next()) as Buffer)).toBe(true);
  });

  it('carries ping and pong of both ends, between the fragments of a message too', async () => {
    const chat = await startChat();
    const { socket, next } = await join(await startWith(chat, threads));
    socket.send('first ', { fin: false });
    socket.ping('from the client');
    socket.send('second', { fin: true });
    expect(String((await once(socket, 'pong'))[0])).toBe('from the client');
    expect(String(await next())).toBe('first second');
    chat.sockets[0]?.ping('from the upstream');
    expect(String((await once(chat.sockets[0] as WebSocket, 'pong'))[0])).toBe('from the upstream');
  });

  it('keeps extension and subprotocol that the two ends agreed on', async () => {
    const chat = await startChat(echo, {
      perMessageDeflate: { threshold: 0 },
      handleProtocols: () => 'second',
    });
    const made = await startWith(chat, threads);
    const { socket, next } = await join(made, { perMessageDeflate: { threshold: 0 } }, ['first', 'second']);
    expect([socket.extensions, socket.protocol]).toEqual(['permessage-deflate', 'second']);
    const text = 'the same again '.repeat(20_000);
    socket.send(text);
    expect(String(await next())).toBe(text);
    socket.close(1000);
    const { bytes } = await made.record(({ status }) => status === 101);
    expect(bytes).toBeLessThan(text.length / 10);
  });

  it('carries close codes of both ends', async () => {
    const chat = await startChat();
    const made = await startWith(chat, threads);
    const first = await join(made);
    first.socket.close(4000, 'the client had enough');
    expect(await first.closed).toEqual([4000, 'the client had enough']);
    await until('the end', () => chat.closes.length === 1);
    const second = await join(made);
    chat.sockets[1]?.close(4001, 'the upstream had enough');
    expect(await second.closed).toEqual([4001, 'the upstream had enough']);
    await until('the end', () => chat.closes.length === 2);
    expect(chat.closes).toEqual([
      [4000, 'the client had enough'],
      [4001, 'the upstream had enough'],
    ]);
    await until('no tunnel', async () => (await metric(made.gateway, 'ferrogate_websockets')) === 0);
    await until('two records', () => made.records.length === 2);
    expect(made.records.map(({ status, verdict }) => [status, verdict])).toEqual([
      [101, 'websocket'],
      [101, 'websocket'],
    ]);
  });

  it('breaks when one end does', async () => {
    const chat = await startChat();
    const made = await startWith(chat, threads);
    const first = await join(made);
    first.socket.terminate();
    await until('the end', () => chat.closes.length === 1);
    const second = await join(made);
    chat.sockets[1]?.terminate();
    expect(await second.closed).toEqual([1006, '']);
    expect(chat.closes[0]).toEqual([1006, '']);
  });

  it('holds the upstream back for a client that reads slowly, and loses nothing', async () => {
    const count = 48;
    const chat = await startChat((socket) => {
      for (let at = 0; at < count; at += 1) socket.send(Buffer.alloc(1024 * 1024, at));
    });
    const { socket, next } = await join(await startWith(chat, threads));
    socket.pause();
    const waits = (): number => chat.sockets[0]?.bufferedAmount ?? 0;
    await until('the upstream to wait', () => waits() > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(waits()).toBeGreaterThan(16 * 1024 * 1024);
    socket.resume();
    for (let at = 0; at < count; at += 1) {
      const message = (await next()) as Buffer;
      expect([message.length, message[0], message.at(-1)]).toEqual([1024 * 1024, at, at]);
    }
  });

  it('carries many connections at once', async () => {
    const made = await startWith(await startChat(), threads);
    const all = await Promise.all(Array.from({ length: 40 }, () => join(made)));
    expect(await metric(made.gateway, 'ferrogate_websockets')).toBe(40);
    await Promise.all(
      all.map(async ({ socket, next }, at) => {
        for (let round = 0; round < 10; round += 1) {
          const message = Buffer.alloc(((at * 7919 + round * 104_729) % 90_000) + 1, at);
          socket.send(message);
          expect(message.equals((await next()) as Buffer)).toBe(true);
        }
      }),
    );
  });

  it('is told 1001 when the gateway closes, and so is the upstream', async () => {
    const chat = await startChat();
    const made = await startWith(chat, threads);
    const all = await Promise.all(Array.from({ length: 5 }, () => join(made)));
    await made.gateway.close({ timeoutMs: 2000 });
    for (const { closed } of all) expect(await closed).toEqual([1001, 'the gateway is closing']);
    await until('the ends', () => chat.closes.length === 5);
    expect(chat.closes.map(([code]) => code)).toEqual([1001, 1001, 1001, 1001, 1001]);
    expect(made.records.map(({ verdict }) => verdict)).toEqual(Array(5).fill('shutting_down'));
  });

  it('is told 1001 when nothing comes for too long', async () => {
    const chat = await startChat();
    const { socket, next, closed } = await join(
      await startWith(chat, threads, { websocket: { idleTimeout: '300ms' } }),
    );
    socket.send('one');
    await next();
    expect(await closed).toEqual([1001, 'nothing came for too long']);
    await until('the end', () => chat.closes.length === 1);
    expect(chat.closes).toEqual([[1001, 'nothing came for too long']]);
  });

  it('is told 4401 when its token expires', async () => {
    const chat = await startChat();
    const { issuer, jwksUrl, token } = await startIssuer();
    const made = await startWith(
      chat,
      threads,
      { jwt: 'main', websocket: { closeOnTokenExpiry: true } },
      { issuers: { main: { issuer, audience: ['test'], jwks: jwksUrl, clockSkew: '0s' } } },
    );
    await until('keys', () => made.gateway.ready().ready);
    const exp = Math.floor(Date.now() / 1000) + 2;
    const { closed } = await join(made, { headers: { Authorization: `Bearer ${token({ exp })}` } });
    expect(await closed).toEqual([4401, 'the token has expired']);
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(exp);
    await until('the end', () => chat.closes.length === 1);
    expect(chat.closes).toEqual([[1001, 'the token has expired']]);
  });
});

describe('a handshake', () => {
  const refused = async (made: ListeningGateway): Promise<number | undefined> => {
    const socket = new WebSocket(`ws://127.0.0.1:${made.port}/room`);
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    socket.terminate();
    return response.statusCode;
  };

  it('on a route that takes none is a request without Upgrade', async () => {
    const seen: unknown[] = [];
    const server = createServer(({ headers }, response) => {
      seen.push(headers.upgrade);
      response.statusCode = 418;
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await refused(await startWith({ url }, 1, { websocket: false }))).toBe(418);
    expect(seen).toEqual([undefined]);
  });

  it('is subject to the policies of its route', async () => {
    const { issuer, jwksUrl } = await startIssuer();
    const issuers = { main: { issuer, audience: ['test'], jwks: jwksUrl } };
    const chat = await startChat();
    expect(await refused(await startWith(chat, 1, { jwt: 'main' }, { issuers }))).toBe(401);
    expect(chat.sockets).toEqual([]);
  });

  it('that the upstream refuses is answered with its answer', async () => {
    const chat = await startChat(echo, { verifyClient: (_, done) => done(false, 403, 'no') });
    expect(await refused(await startWith(chat, 1))).toBe(403);
  });

  it('goes to an upstream over TLS too', async () => {
    const authority = createAuthority();
    const chat = await startChat(echo, { secure: authority.issue('IP:127.0.0.1') });
    const upstreams = { chat: { targets: [chat.url], tls: { ca: authority.ca } } };
    const { socket, next, closed } = await join(await startWith(chat, 1, {}, { upstreams }));
    const large = pattern(3_000_000);
    socket.send(large);
    expect(large.equals((await next()) as Buffer)).toBe(true);
    socket.close(4000, 'bye');
    expect(await closed).toEqual([4000, 'bye']);
    await until('the end', () => chat.closes.length === 1);
    expect(chat.closes).toEqual([[4000, 'bye']]);
  });
});
