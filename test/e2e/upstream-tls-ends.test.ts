// https upstreams that end without saying so: without close_notify nobody knows whether a body that ends with the connection is whole (RFC 9112 section 9.8).
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { startSocketUpstream } from '../support/upstream.ts';

const authority = createAuthority();

interface SecureUpstream {
  readonly gateway: ListeningGateway;
  /** Ends the connection to the gateway as TCP does, with nothing of TLS. */
  cut(how: 'end' | 'reset'): void;
  /** Ends it as TLS does. */
  finish(): void;
  /** Says more. */
  late(bytes: string): void;
  readonly accepted: number;
  readonly open: number;
}

/** A TLS server that says `bytes`, behind a relay that can cut its connections. */
async function saying(bytes: string): Promise<SecureUpstream> {
  const secured: TLSSocket[] = [];
  const { cert, key } = authority.issue('IP:127.0.0.1');
  const server = createTlsServer({ cert, key }, (socket) => {
    secured.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relayed: Socket[] = [];
  const relay = await startSocketUpstream((socket) => {
    relayed.push(socket);
    const inner = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' });
    inner.on('error', () => {});
    socket.on('close', () => inner.destroy());
    socket.pipe(inner);
    inner.pipe(socket);
  });
  onTestFinished(() => void server.close());
  const gateway = await startGateway({
    upstreams: {
      back: { targets: [relay.url.replace('http:', 'https:')], tls: { ca: authority.ca } },
    },
    routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
  });
  return {
    gateway,
    cut(how) {
      for (const socket of relayed) {
        if (how === 'end') socket.end();
        else socket.resetAndDestroy();
      }
    },
    finish() {
      for (const socket of secured) socket.end();
    },
    late(bytes) {
      for (const socket of secured) socket.write(bytes);
    },
    get accepted() {
      return relay.accepted;
    },
    get open() {
      return relay.open;
    },
  };
}

/** Asks, and acts once the beginning of the answer is there. */
async function ask({ gateway }: SecureUpstream, act: () => void) {
  const client = await RawClient.connect(gateway.port);
  client.send(requestText('GET', '/'));
  await until('the beginning of the answer', () => client.socket.bytesRead > 100);
  act();
  return client.answer();
}

const padded = (...lines: string[]): string =>
  `HTTP/1.1 200 OK\r\nX-Pad: ${'a'.repeat(100)}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

describe.each(['end', 'reset'] as const)('an https upstream whose connection is cut by %s', (how) => {
  it.each([
    ['a body that ends with the connection', `${padded()}the whole`],
    ['a body with a length', `${padded('Content-Length: 100')}part`],
    ['a chunked body', `${padded('Transfer-Encoding: chunked')}4\r\npart\r\n`],
  ])('%s is broken', async (_, bytes) => {
    const up = await saying(bytes);
    expect(await ask(up, () => up.cut(how))).toMatchObject({ status: 200, complete: false });
    await until('nothing in flight', async () => (await up.gateway.inFlight()) === 0);
  });

  it('before its head: 502', async () => {
    const up = await saying('HTTP/1.1 200 OK\r\nX-');
    const client = await RawClient.connect(up.gateway.port);
    client.send(requestText('GET', '/'));
    await until('the connection upstream', () => up.accepted === 1);
    up.cut(how);
    expect((await client.answer()).status).toBe(502);
  });
});

describe('an https upstream that ends as TLS does', () => {
  it('a body that ends with the connection is whole', async () => {
    const up = await saying(`${padded()}the whole`);
    const answer = await ask(up, () => up.finish());
    expect([answer.body.toString(), answer.complete]).toEqual(['the whole', true]);
  });

  it('a body with a length is not', async () => {
    const up = await saying(`${padded('Content-Length: 100')}part`);
    expect(await ask(up, () => up.finish())).toMatchObject({ complete: false });
  });
});

it('bytes over TLS while nobody asks: the next client gets its own answer over another connection', async () => {
  const up = await saying(`${padded('Content-Length: 2')}ok`);
  const client = await RawClient.connect(up.gateway.port);
  for (let round = 1; round <= 2; round += 1) {
    const answer = await client.send(requestText('GET', '/')).answer();
    expect([answer.body.toString(), up.accepted]).toEqual(['ok', round]);
    up.late('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged');
    await until('its connection to be closed', () => up.open === 0);
  }
});
