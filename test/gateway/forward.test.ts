import { describe, expect, it } from 'vitest';
import { byteClient, eventually } from '../listener/client.ts';
import { underTest } from '../support/listeners.ts';
import { forwarding, gatewayOf, upstream } from './support.ts';

const megabytes = (count: number): Buffer => Buffer.alloc(count * 1024 * 1024, 0x62);

describe('forwarding, by socket and by inject', () => {
  const ways = ['listen', 'inject'] as const;
  const client = async (way: (typeof ways)[number], target: string) => {
    const { gateway } = gatewayOf({ ...forwarding(target), listen: { maxBodyBytes: '64mb' } });
    if (way === 'inject') {
      return (path: string, init: { method?: string; body?: Uint8Array } = {}) =>
        gateway.inject({ url: path, ...init });
    }
    const { url } = await gateway.listen(underTest);
    return (path: string, init: { method?: string; body?: Uint8Array } = {}) =>
      fetch(`${url}${path}`, init as RequestInit);
  };

  it.each(ways)('streams bodies both ways: %s', async (way) => {
    const target = await upstream((request, response) => {
      response.writeHead(200, { 'x-length': String(request.headers['content-length']) });
      request.pipe(response);
    });
    const send = await client(way, target);
    const body = megabytes(20);
    const response = await send('/up/echo', { method: 'POST', body });
    expect(response.headers.get('x-length')).toBe(String(body.length));
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  it.each(ways)('keeps known lengths, status and headers: %s', async (way) => {
    const body = megabytes(3);
    const target = await upstream((_, response) => {
      response.writeHead(207, 'Many', {
        'content-length': body.length,
        'set-cookie': ['a=1', 'b=2'],
        connection: 'x-hop',
        'x-hop': '1',
      });
      response.end(body);
    });
    const response = await (await client(way, target))('/up/x');
    expect(response.status).toBe(207);
    expect(response.headers.get('content-length')).toBe(String(body.length));
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('x-hop')).toBeNull();
    expect((await response.arrayBuffer()).byteLength).toBe(body.length);
  });

  it.each(ways)('answers HEAD, 204 and 304 without a body: %s', async (way) => {
    const target = await upstream((request, response) => {
      if (request.url === '/up/204') response.writeHead(204).end();
      else if (request.url === '/up/304') response.writeHead(304, { etag: '"a"' }).end();
      else response.writeHead(200, { 'content-length': 1234 }).end();
    });
    const send = await client(way, target);
    expect((await send('/up/204')).status).toBe(204);
    expect((await send('/up/304')).headers.get('etag')).toBe('"a"');
    const head = await send('/up/head', { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe('1234');
    expect(await head.text()).toBe('');
  });

  it.each(ways)('breaks the body when the upstream breaks it: %s', async (way) => {
    const target = await upstream((_, response) => {
      response.writeHead(200, { 'content-length': 100_000 });
      response.write('half', () => setTimeout(() => response.destroy(), 20));
    });
    const response = await (await client(way, target))('/up/x');
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it.each(ways)('answers 502 when nobody is there: %s', async (way) => {
    const send = await client(way, 'http://127.0.0.1:9');
    const response = await send('/up/x');
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      status: 502,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });
});

describe('a client that leaves', () => {
  it('ends the upstream exchange, while it waits and while it reads', async () => {
    const left: string[] = [];
    const target = await upstream((request, response) => {
      response.on('close', () => left.push(String(request.url)));
      if (request.url === '/up/reading') response.write(megabytes(1));
    });
    const { gateway } = gatewayOf(forwarding(target));
    const { port } = await gateway.listen(underTest);
    const waiting = await byteClient(port);
    waiting.send('GET /up/waiting HTTP/1.1\r\nHost: a\r\n\r\n');
    const reading = await byteClient(port);
    reading.send('GET /up/reading HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => reading.received() > 1000, 'the body begins');
    waiting.socket.destroy();
    reading.socket.destroy();
    await eventually(() => left.length === 2, 'both are left');
  });

  it('by the signal of inject', async () => {
    let isLeft = false;
    const controller = new AbortController();
    const target = await upstream((_, response) => {
      response.on('close', () => {
        isLeft = true;
      });
      controller.abort(new Error('left'));
    });
    const { gateway } = gatewayOf(forwarding(target));
    const asked = gateway.inject({ url: '/up/x', signal: controller.signal });
    await expect(asked).rejects.toThrow('left');
    await eventually(() => isLeft, 'the upstream is left');
  });
});

describe('a slow reader', () => {
  it('stops the upstream', async () => {
    let sent = 0;
    const target = await upstream((_, response) => {
      const piece = Buffer.alloc(65536);
      const more = (): void => {
        while (sent < 1000) {
          sent += 1;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const { gateway } = gatewayOf(forwarding(target));
    const { port } = await gateway.listen(underTest);
    const client = await byteClient(port);
    client.socket.pause();
    client.send('GET /up/x HTTP/1.1\r\nHost: a\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(sent).toBeLessThan(400);
    client.socket.resume();
    await eventually(() => client.received() > 1000 * 65536, 'everything comes', 20_000);
  });
});

describe('handlers and forwarding together', () => {
  it('serve 1,000 requests at once', async () => {
    const target = await upstream((request, response) => response.end(request.url));
    const { gateway } = gatewayOf(forwarding(target));
    gateway.get('/js/:n', async ({ params }) => {
      await new Promise((resolve) => setImmediate(resolve));
      return params.n;
    });
    const asked = Array.from({ length: 1000 }, (_, n) =>
      gateway.inject(n % 2 === 0 ? `/up/${n}` : `/js/${n}`),
    );
    const texts = await Promise.all(asked.map(async (response) => (await response).text()));
    expect(texts).toEqual(Array.from({ length: 1000 }, (_, n) => (n % 2 === 0 ? `/up/${n}` : String(n))));
  });

  it('keep the connection after a small body that nobody read', async () => {
    const { gateway } = gatewayOf();
    gateway.post('/x', () => 'answer');
    const { port } = await gateway.listen(underTest);
    const client = await byteClient(port);
    for (let round = 1; round <= 3; round += 1) {
      client.send('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345');
      await client.until((all) => all.split('answer').length === round + 1);
    }
  });

  it('close it after a large one', async () => {
    const { gateway } = gatewayOf();
    gateway.post('/x', () => 'answer');
    const { port } = await gateway.listen(underTest);
    const client = await byteClient(port);
    client.send('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n12345');
    expect(await client.closed()).toContain('Connection: close');
  });

  it('refuse a body over the limit with 413, also while a handler reads it', async () => {
    const { gateway, logs } = gatewayOf({ listen: { chunkedRequests: 'accept', maxBodyBytes: '10kb' } });
    gateway.post('/x', async ({ body }) => (await body.bytes()).length);
    const known = await gateway.inject({ url: '/x', method: 'POST', body: new Uint8Array(20_000) });
    expect(known.status).toBe(413);
    const stream = new Blob([new Uint8Array(20_000)]).stream() as ReadableStream<Uint8Array>;
    const counted = await gateway.inject({ url: '/x', method: 'POST', body: stream });
    expect(counted.status).toBe(413);
    expect(logs).toEqual([]);
  });
});
