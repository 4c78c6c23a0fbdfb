// Bodies of requests in chunks, and of handlers both ways: whole, in order, held back when the other side is slow, ended when it leaves.
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';
import { forwardingTo, startNative, statusesOf, untilClosed } from './support.ts';

const megabyte = 1024 * 1024;
const chunked = (body: string, ...lines: string[]): string =>
  requestText('POST', '/', ['Transfer-Encoding: chunked', ...lines], body);

describe('a request in chunks', () => {
  it.each([
    ['one', '5\r\nhello\r\n0\r\n\r\n'],
    ['many', '1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n'],
    ['an extension', '5;a=b\r\nhello\r\n0\r\n\r\n'],
    ['a trailer', '5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n'],
  ])('of %s is accepted without being asked for, by upstream and handler', async (_, body) => {
    const up = await startUpstream();
    const config = forwardingTo(up.url);
    const { port } = await startNative({}, config, (gateway) => {
      gateway.post('/', async (context) => `"body":"${await context.body.text()}"`);
      gateway.route({ match: { path: '/up' }, upstream: 'back' });
    });
    const client = await byteClient(port);
    client.send(chunked(body));
    await client.until('"body":"hello"');
    client.send(chunked(body).replace('POST / ', 'POST /up '));
    await client.until((text) => text.split('"body":"hello"').length === 3);
    expect(up.seen[0]?.header('x-late')).toBeUndefined();
  });

  it.each([
    ['a size that is no number', 'x\r\nhello\r\n0\r\n\r\n', 400],
    ['a bare LF', '5\nhello\r\n0\r\n\r\n', 400],
    ['more than maxBodyBytes', `${(2048).toString(16)}\r\n${'b'.repeat(2048)}\r\n0\r\n\r\n`, 413],
  ])('of %s is refused and closed, and no handler hears of it', async (_, body, status) => {
    let read = 0;
    const { port } = await startNative({}, { listen: { maxBodyBytes: '1kb' } }, (gateway) => {
      gateway.post('/', async (context) => {
        await context.body.text();
        read += 1;
        return 'read';
      });
    });
    expect([statusesOf(await untilClosed(port, chunked(body))), read]).toEqual([[status], 0]);
  });
});

describe('a handler', () => {
  it('reads and answers a large body at the same time', async () => {
    const { url } = await startNative({}, { listen: { maxBodyBytes: '64mb' } }, (gateway) => {
      gateway.post('/echo', ({ body }) => body.stream());
    });
    const sent = Buffer.alloc(16 * megabyte, 'both ways ');
    const response = await fetch(`${url}/echo`, { method: 'POST', body: sent });
    expect(Buffer.from(await response.arrayBuffer()).equals(sent)).toBe(true);
  });

  it.each(['with a length', 'in chunks'])('that does not read yet stops its client, %s', async (framing) => {
    const start = gate();
    const size = 64 * megabyte;
    const { port } = await startNative({}, { listen: { maxBodyBytes: '100mb' } }, (gateway) => {
      gateway.post('/', async ({ body }) => {
        await start.opened;
        let bytes = 0;
        for await (const piece of body.stream()) bytes += piece.length;
        return `${bytes} bytes`;
      });
    });
    const client = await RawClient.connect(port);
    const isChunked = framing === 'in chunks';
    client.send(
      requestText('POST', '/', [isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`]),
    );
    const written = pour(client.socket, size, isChunked);
    expect(await stillAt(written)).toBeLessThan(size / 2);
    start.open();
    expect((await client.answer()).body.toString()).toBe(`${size} bytes`);
  });

  it('whose client does not read is not asked for more', async () => {
    let made = 0;
    const piece = new Uint8Array(65_536);
    const { port } = await startNative({}, {}, (gateway) => {
      gateway.get('/', async function* () {
        for (; made < 1_000; made += 1) yield piece;
      });
    });
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/')).socket.pause();
    expect(await stillAt(() => made)).toBeLessThan(500);
    client.socket.resume();
    const answer = await client.answer();
    expect([answer.complete, answer.body.length]).toEqual([true, 1_000 * piece.length]);
  });

  it.each(['before it answers', 'while it answers', 'while it reads'])(
    'is told when its client leaves %s',
    async (when) => {
      const told = gate<string>();
      const { port, inFlight } = await startNative({}, {}, (gateway) => {
        gateway.all('/', ({ signal, body }) => {
          signal.addEventListener('abort', () => told.open('told'));
          if (when === 'while it reads') return body.text();
          if (when === 'before it answers') return new Promise(() => {});
          return (async function* () {
            for (;;) {
              yield 'more';
              await new Promise((resolve) => setImmediate(resolve));
            }
          })();
        });
      });
      const client = await byteClient(port);
      client.send(
        when === 'while it reads'
          ? requestText('POST', '/', ['Content-Length: 9'], 'part')
          : requestText('GET', '/'),
      );
      await until('it to run', async () => (await inFlight()) === 1);
      if (when === 'while it answers') await client.until('more');
      client.socket.resetAndDestroy();
      expect(await told.opened).toBe('told');
      await until('nothing in flight', async () => (await inFlight()) === 0);
    },
  );

  it('that is slow holds up no other request', async () => {
    const slow = gate<string>();
    const up = await startUpstream();
    const { port, url } = await startNative({}, forwardingTo(up.url), (gateway) => {
      gateway.get('/slow', () => slow.opened);
    });
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/slow'));
    for (let at = 0; at < 50; at += 1) expect((await fetch(`${url}/up/${at}`)).status).toBe(200);
    slow.open('slow');
    expect((await client.answer()).body.toString()).toBe('slow');
  });
});

/** Sends a body as fast as it is taken; what it returns tells how much the kernel has taken so far. */
function pour(socket: Socket, size: number, isChunked: boolean): () => number {
  const piece = Buffer.alloc(65_536);
  const framed = isChunked ? Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]) : piece;
  let written = 0;
  const next = (): void => {
    if (written === size) return void socket.write(isChunked ? '0\r\n\r\n' : '');
    socket.write(framed, () => {
      written += piece.length;
      next();
    });
  };
  next();
  return () => written;
}

/** Resolves when `read` gives the same number over many turns: nothing moves any more. */
async function stillAt(read: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  await until('it to stand still', () => {
    const now = read();
    same = now === last && now > 0 ? same + 1 : 0;
    last = now;
    return same >= 60;
  });
  return last;
}
