// Bodies larger than any buffer, both ways: they flow before they are whole, stop when the other side stops, and cost bounded memory.
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startChildGateway } from '../support/children.ts';
import { startGateway } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';
import { bodyOf, startUpstream, type Upstream } from '../support/upstream.ts';

const megabyte = 1024 * 1024;
const piece = Buffer.alloc(64 * 1024, 'ferrogate ');

const routesTo = (upstream: Upstream) => ({
  listen: { maxBodyBytes: '1gb', chunkedRequests: 'accept' as const },
  upstreams: { back: { targets: [upstream.url] } },
  routes: [{ match: { path: '/*rest' }, upstream: 'back', timeout: '30s' }],
});

/** An upstream that answers `bytes` to each request as fast as they are taken, and tells how many it got rid of in all. */
async function sender(bytes: number): Promise<{ upstream: Upstream; sent: () => number }> {
  let all = 0;
  const upstream = await startUpstream((_, response) => {
    let sent = 0;
    response.on('error', () => {});
    const more = (): void => {
      while (sent < bytes) {
        sent += piece.length;
        all += piece.length;
        if (!response.write(piece)) return;
      }
      response.end();
    };
    response.on('drain', more);
    more();
  });
  return { upstream, sent: () => all };
}

/** Resolves when `read` gives the same number over many turns: nothing moves any more. */
async function stillAt(what: string, read: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  await until(what, () => {
    const now = read();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 60;
  });
  return last;
}

describe('an answer that streams', () => {
  it('arrives piece by piece, before it is whole', async () => {
    const next = [gate(), gate()];
    const upstream = await startUpstream(async (_, response) => {
      response.write('first ');
      await next[0]?.opened;
      response.write('second ');
      await next[1]?.opened;
      response.end('third');
    });
    const { port } = await startGateway(routesTo(upstream));
    const client = await RawClient.connect(port);
    let seen = '';
    client.socket.on('data', (chunk) => {
      seen += chunk.toString();
    });
    client.send(requestText('GET', '/'));
    await until('the first piece', () => seen.includes('first '));
    next[0]?.open();
    await until('the second piece', () => seen.includes('second '));
    next[1]?.open();
    expect((await client.answer()).body.toString()).toBe('first second third');
  });

  it('stops its upstream while the client does not read, in bounded memory, then comes whole', async () => {
    const size = 256 * megabyte;
    const { upstream, sent } = await sender(size);
    const child = await startChildGateway(routesTo(upstream));
    const before = (await child.memory()).rss;
    const client = request({ port: child.port, path: '/', agent: false });
    client.end();
    const [response] = await new Promise<[import('node:http').IncomingMessage]>((resolve) =>
      client.once('response', (answer) => resolve([answer])),
    );
    response.pause();
    const held = await stillAt('the upstream to be stopped', sent);
    expect(held).toBeLessThan(32 * megabyte);
    let read = 0;
    for await (const chunk of response) read += (chunk as Buffer).length;
    expect(read).toBe(size);
    expect(child.peakBytes() - before).toBeLessThan(64 * megabyte);
  });

  it('is one of many slow ones in bounded memory', async () => {
    const { upstream } = await sender(64 * megabyte);
    const child = await startChildGateway(routesTo(upstream));
    const before = (await child.memory()).rss;
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(child.port)));
    for (const client of clients) client.send(requestText('GET', '/')).socket.pause();
    await until('every upstream connection', () => upstream.open === clients.length);
    await stillAt('everything to stand still', () => child.peakBytes());
    expect(child.peakBytes() - before).toBeLessThan(100 * megabyte);
    for (const client of clients) client.reset();
    await until('every upstream connection to be closed', () => upstream.open === 0);
  });
});

describe('a request that streams', () => {
  it('reaches the upstream piece by piece, before it is whole', async () => {
    let seen = '';
    const upstream = await startUpstream((incoming, response) => {
      incoming.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
      });
      incoming.on('end', () => response.end('done'));
    });
    const { port } = await startGateway(routesTo(upstream));
    const client = await RawClient.connect(port);
    client.send(requestText('POST', '/', ['Content-Length: 15'], 'first'));
    await until('the first piece', () => seen === 'first');
    client.send('secon');
    await until('the second piece', () => seen === 'firstsecon');
    client.send('third');
    expect((await client.answer()).body.toString()).toBe('done');
  });

  it.each(['with a length', 'in chunks'])(
    '%s stops the client while its upstream does not read, in bounded memory',
    async (framing) => {
      const size = 96 * megabyte;
      const start = gate();
      const upstream = await startUpstream(async (incoming, response) => {
        await start.opened;
        let bytes = 0;
        for await (const chunk of incoming) bytes += (chunk as Buffer).length;
        response.end(String(bytes));
      });
      const child = await startChildGateway(routesTo(upstream));
      const before = (await child.memory()).rss;
      const headers =
        framing === 'in chunks' ? { 'transfer-encoding': 'chunked' } : { 'content-length': size };
      const client = request({ port: child.port, path: '/', method: 'POST', headers, agent: false });
      const answered = new Promise<import('node:http').IncomingMessage>((resolve) =>
        client.once('response', resolve),
      );
      client.on('error', () => {});
      let written = 0;
      // Piece by piece: the library reads on, paused or not, while each read fills its buffer of 512 KiB.
      const more = (): void => {
        if (written >= size) return void client.end();
        written += piece.length;
        if (client.write(piece)) setTimeout(more, 1);
      };
      client.on('drain', () => setTimeout(more, 1));
      more();
      // What the kernel holds of both connections is written too.
      expect(await stillAt('the client to be stopped', () => written)).toBeLessThan(size / 2);
      start.open();
      expect((await bodyOf(await answered)).toString()).toBe(String(size));
      expect(child.peakBytes() - before).toBeLessThan(size / 2);
    },
  );

  it('goes up and comes down at the same time', async () => {
    const upstream = await startUpstream((incoming, response) => void incoming.pipe(response));
    const { url } = await startGateway(routesTo(upstream));
    const sentHash = createHash('sha256');
    const size = 48 * megabyte;
    let made = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (made >= size) return controller.close();
        const next = Buffer.from(piece);
        next.writeUInt32LE(made);
        made += next.length;
        sentHash.update(next);
        controller.enqueue(next);
      },
    });
    const response = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    const receivedHash = createHash('sha256');
    let received = 0;
    for await (const chunk of response.body ?? []) {
      receivedHash.update(chunk);
      received += chunk.length;
    }
    expect(received).toBe(size);
    expect(receivedHash.digest('hex')).toBe(sentHash.digest('hex'));
  });
});

describe('inject', () => {
  it('streams both ways with back-pressure too', async () => {
    const upstream = await startUpstream((incoming, response) => void incoming.pipe(response));
    const { gateway } = await startGateway(routesTo(upstream));
    const size = 16 * megabyte;
    const response = await gateway.inject({ method: 'POST', url: '/', body: new Uint8Array(size).fill(7) });
    const back = new Uint8Array(await response.arrayBuffer());
    expect(back.length).toBe(size);
    expect(back.every((byte) => byte === 7)).toBe(true);
  });
});
