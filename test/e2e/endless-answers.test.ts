// Answers that are huge, endless, or taken by nobody: what is held of one is bounded, and each comes to an end that the record tells.
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startChildGateway } from '../support/children.ts';
import { type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { isNative } from '../support/listeners.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { startSocketUpstream, type Upstream } from '../support/upstream.ts';

const megabyte = 1024 * 1024;
const piece = Buffer.alloc(64 * 1024, 'ferrogate ');

/** What this kernel holds unsent and unread of both connections at most, and one MiB of ours. */
const HELD = 2 * (mostOf('tcp_rmem') + mostOf('tcp_wmem')) + megabyte;

function mostOf(buffer: string): number {
  const [, , most] = readFileSync(`/proc/sys/net/ipv4/${buffer}`, 'utf8').split(/\s+/);
  return Number(most);
}

const framings = {
  'a length': { head: `Content-Length: ${2 ** 40}`, frame: (data: Buffer) => data },
  chunks: {
    head: 'Transfer-Encoding: chunked',
    frame: (data: Buffer) =>
      Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]),
  },
  'the end of the connection': { head: 'Connection: close', frame: (data: Buffer) => data },
} as const;

/** An upstream that sends pieces as fast as they are taken, `bytes` of them or for ever, and tells how many were taken. */
async function sender(
  head: string,
  wire: Buffer,
  bytes = Number.POSITIVE_INFINITY,
): Promise<{ upstream: Upstream; sent: () => number }> {
  let sent = 0;
  const upstream = await startSocketUpstream((socket) => {
    const more = (): void => {
      while (sent < bytes && !socket.destroyed) {
        sent += piece.length;
        if (!socket.write(wire)) return;
      }
    };
    socket.on('drain', more);
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
      more();
    });
  });
  return { upstream, sent: () => sent };
}

function gatewayTo(
  upstream: Upstream,
  route: { totalTimeout?: string; idleTimeout?: string } = {},
  listen: Record<string, unknown> = {},
): Promise<ListeningGateway> {
  return startGateway({
    listen,
    upstreams: { back: { targets: [upstream.url] } },
    routes: [{ match: { path: '/*rest' }, upstream: 'back', ...route }],
  });
}

/** A client that has asked and takes no byte until it is resumed. */
async function deaf(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  socket.write(requestText('GET', '/'));
  return socket;
}

/** Resolves when `read` gives the same number over many looks: nothing moves any more. */
async function stillAt(what: string, read: () => number): Promise<number> {
  let [last, same] = [-1, 0];
  await until(what, () => {
    const now = read();
    same = now === last ? same + 1 : 0;
    last = now;
    return now > 0 && same >= 60;
  });
  return last;
}

describe('an answer of a gigabyte', () => {
  it('to a client that reads with rests is never ahead of it by more than a bound, and comes whole', async () => {
    const size = 1024 * megabyte;
    const { upstream, sent } = await sender(`Content-Length: ${size}`, piece, size);
    const gateway = await startChildGateway({
      upstreams: { back: { targets: [upstream.url] } },
      routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
    });
    const before = (await gateway.memory()).rss;
    const { port } = gateway;
    const asked = request({ port, path: '/', agent: false });
    const answer = await new Promise<IncomingMessage>((resolve) => asked.once('response', resolve).end());
    let read = 0;
    let ahead = 0;
    let rests = 0;
    for await (const chunk of answer) {
      read += (chunk as Buffer).length;
      ahead = Math.max(ahead, sent() - read);
      if (rests < 4 && read > rests * 32 * megabyte) {
        rests += 1;
        ahead = Math.max(ahead, (await stillAt('the upstream to be stopped', sent)) - read);
      }
    }
    expect(read).toBe(size);
    expect(ahead).toBeGreaterThan(0);
    expect(ahead).toBeLessThan(HELD);
    expect(gateway.peakBytes() - before).toBeLessThan(48 * megabyte);
  }, 120_000);
});

describe('an answer without an end', () => {
  it.each(Object.entries(framings))(
    'framed by %s ends broken after totalTimeout, however busy it is',
    async (_, { head, frame }) => {
      const { upstream } = await sender(head, frame(piece));
      const gateway = await gatewayTo(upstream, { totalTimeout: '300ms' });
      const client = await deaf(gateway.port);
      const over = new Promise((resolve) => client.once('close', resolve));
      let read = 0;
      let last = '';
      client.on('data', (chunk) => {
        read += chunk.length;
        last = chunk.subarray(-5).toString('latin1');
      });
      client.resume();
      // The gateway frames it by length or in chunks: what lacks its end is broken.
      await over;
      expect(read).toBeGreaterThan(0);
      expect(last).not.toBe('0\r\n\r\n');
      await until('the upstream connection to be closed', () => upstream.open === 0);
      expect(await gateway.record(() => true)).toMatchObject({ status: 200, verdict: 'total_timeout' });
    },
  );

  it('that nobody takes stops its upstream, and ends after totalTimeout', async () => {
    const { upstream, sent } = await sender('Transfer-Encoding: chunked', framings.chunks.frame(piece));
    const gateway = await gatewayTo(upstream, { totalTimeout: '1500ms' });
    await deaf(gateway.port);
    await until('the upstream connection', () => upstream.open === 1);
    await until('the upstream connection to be closed', () => upstream.open === 0);
    expect(sent()).toBeLessThan(HELD);
    expect(await gateway.record(() => true)).toMatchObject({ status: 200, verdict: 'total_timeout' });
  });

  // uWebSockets.js has a clock of its own, 10 to 14 s.
  it('that nobody takes ends without any timeout of the route, at the listener clock', async () => {
    const { upstream, sent } = await sender('Transfer-Encoding: chunked', framings.chunks.frame(piece));
    const listen = isNative ? { writeTimeout: '400ms' } : {};
    const gateway = await gatewayTo(upstream, {}, listen);
    const client = await deaf(gateway.port);
    await until('the upstream connection', () => upstream.open === 1);
    await until('the upstream connection to be closed', () => upstream.open === 0, 25_000);
    expect(sent()).toBeLessThan(HELD);
    expect(await gateway.record(() => true)).toMatchObject({ status: 200, verdict: 'client_gone' });
    if (isNative) {
      const timeouts = metric(gateway.gateway, 'ferrogate_client_timeouts_total', { clock: 'write' });
      expect(await timeouts).toBe(1);
    }
    const over = new Promise((resolve) => client.once('close', resolve));
    client.resume();
    await over;
    await until('nothing in flight', async () => (await gateway.inFlight()) === 0);
  });

  it('that comes too slowly is broken after idleTimeout, one that trickles in time is not', async () => {
    const upstream = await startSocketUpstream((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        let left = 5;
        const drip = setInterval(() => {
          left -= 1;
          if (left >= 0) socket.write('1\r\nx\r\n');
          else clearInterval(drip);
        }, 400);
        socket.once('close', () => clearInterval(drip));
      });
    });
    const gateway = await gatewayTo(upstream, { idleTimeout: '1500ms' });
    const client = await RawClient.connect(gateway.port);
    const answer = await client.send(requestText('GET', '/')).answer();
    // uWebSockets.js ends a chunk when it writes the next one.
    expect([answer.body.toString(), answer.complete]).toEqual([isNative ? 'xxxxx' : 'xxxx', false]);
    expect(await gateway.record(() => true)).toMatchObject({ status: 200, verdict: 'idle_timeout' });
  });
});
