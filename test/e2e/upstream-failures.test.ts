// Upstreams that refuse, break, stall or talk nonsense: which answer the client gets, and that a broken body never ends cleanly.
import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RouteConfig, UpstreamConfig } from '../../src/index.ts';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { RawClient, rawRequest, requestText } from '../support/raw.ts';
import { freePort } from '../support/services.ts';
import { gate, until } from '../support/until.ts';
import { onHeads, startSocketUpstream, startUpstream } from '../support/upstream.ts';

const forwardTo = (
  urls: string | readonly string[],
  route: Partial<RouteConfig> = {},
  upstream: Partial<UpstreamConfig> = {},
): Promise<ListeningGateway> =>
  startGateway({
    upstreams: { back: { targets: typeof urls === 'string' ? [urls] : urls, ...upstream } },
    routes: [{ id: 'it', match: { path: '/*rest' }, upstream: 'back', ...route }],
  });

/** An upstream that sends `bytes` for each request head and then does what it is told. */
const saying = (bytes: string, after: 'nothing' | 'end' | 'reset' = 'nothing') =>
  startSocketUpstream((socket) =>
    onHeads(socket, () => {
      socket.write(Buffer.from(bytes, 'latin1'), () => {
        if (after === 'end') socket.end();
        if (after === 'reset') socket.resetAndDestroy();
      });
    }),
  );

describe('an upstream that cannot be reached', () => {
  it('refuses: 502 connect_failed, with a record that says so', async () => {
    const { port, record } = await forwardTo(`http://127.0.0.1:${await freePort()}`);
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 502, code: 'connect_failed' });
    expect(await record(() => true)).toMatchObject({ status: 502, verdict: 'connect_failed', route: 'it' });
  });

  it('has a second target: the request is served there', async () => {
    const up = await startUpstream();
    const { port } = await forwardTo([`http://127.0.0.1:${await freePort()}`, up.url]);
    for (let round = 0; round < 4; round += 1)
      expect((await rawRequest(port, requestText('POST', '/', ['Content-Length: 1'], 'x'))).status).toBe(200);
  });

  it('has a name that does not resolve: 503 with Retry-After', async () => {
    const { port, gateway } = await forwardTo('http://no-such-host.invalid:80');
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect([answer.status, answer.header('retry-after')]).toEqual([503, '1']);
    expect(gateway.ready()).toMatchObject({ ready: false, reasons: [expect.stringContaining('back')] });
  });

  it('does not accept within connectTimeout: 504', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, resolve));
    onTestFinished(() => void server.close());
    // TEST-NET-1 (RFC 5737) is routed nowhere; where it is refused at once the status is 502.
    const { port } = await forwardTo('http://192.0.2.1:9', {}, { connectTimeout: '150ms' });
    expect([502, 504]).toContain((await rawRequest(port, requestText('GET', '/'))).status);
  });
});

describe('an answer that breaks off', () => {
  it.each([
    ['a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst part'],
    ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n'],
    ['a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nfirst'],
    ['the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n'],
  ])('in %s: the client sees a broken body', async (_, bytes) => {
    for (const how of ['end', 'reset'] as const) {
      const arrived = gate();
      const up = await startSocketUpstream((socket) =>
        onHeads(socket, () => {
          socket.write(bytes);
          void arrived.opened.then(() => (how === 'end' ? socket.end() : socket.resetAndDestroy()));
        }),
      );
      const { port, inFlight, record } = await forwardTo(up.url);
      const client = await RawClient.connect(port);
      client.socket.once('data', () => arrived.open());
      const answer = await client.send(requestText('GET', '/')).answer();
      expect([how, answer.status, answer.complete]).toEqual([how, 200, false]);
      expect(await record(() => true)).toMatchObject({ status: 200, verdict: 'upstream_closed' });
      expect(await inFlight()).toBe(0);
    }
  });

  it('by reset where the end of the connection ends it: broken too', async () => {
    const arrived = gate();
    const up = await startSocketUpstream((socket) =>
      onHeads(socket, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\nfirst');
        void arrived.opened.then(() => socket.resetAndDestroy());
      }),
    );
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    client.socket.once('data', () => arrived.open());
    const answer = await client.send(requestText('GET', '/')).answer();
    expect(answer.complete).toBe(false);
  });

  it('before its head: 502', async () => {
    for (const [bytes, after] of [
      ['', 'end'],
      ['HTTP/1.1 200 OK\r\nContent-Le', 'end'],
      ['', 'reset'],
    ] as const) {
      const up = await saying(bytes, after);
      const { port } = await forwardTo(up.url);
      const answer = await rawRequest(port, requestText('GET', '/'));
      expect([bytes, answer.status]).toEqual([bytes, 502]);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_closed' });
    }
  });

  it('is told from one that ends with the connection', async () => {
    const up = await saying('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nthe whole', 'end');
    const { port } = await forwardTo(up.url);
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect([answer.body.toString(), answer.complete]).toEqual(['the whole', true]);
  });
});

describe('an answer that is not HTTP', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok'],
    [
      'length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok'],
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n`],
    ['too many fields', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(101)}Content-Length: 0\r\n\r\n`],
  ])('%s: 502 upstream_protocol', async (_, bytes) => {
    const up = await saying(bytes);
    const { port } = await forwardTo(up.url);
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_protocol' });
    await until('the upstream connection to be closed', () => up.open === 0);
  });

  it('a broken chunk after the head breaks the body', async () => {
    const up = await saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n');
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/'));
    const answer = await client.answer().catch(() => null);
    expect(answer?.complete ?? false).toBe(false);
  });
});

describe('an upstream that is slow', () => {
  it('to answer: 504 after timeout', async () => {
    const up = await saying('');
    const { port, record } = await forwardTo(up.url, { timeout: '100ms' });
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_timeout' });
    expect((await record(() => true)).durationMs).toBeGreaterThanOrEqual(100);
    await until('the upstream connection to be closed', () => up.open === 0);
  });

  it('to take the request body: 504 after idleTimeout', async () => {
    const held: Socket[] = [];
    const up = await startSocketUpstream((socket) => void held.push(socket.pause()));
    const { port } = await forwardTo(up.url, { idleTimeout: '200ms', maxBodyBytes: '64mb' });
    const client = await RawClient.connect(port);
    const size = 32 * 1024 * 1024;
    client.send(requestText('POST', '/', [`Content-Length: ${size}`])).send(new Uint8Array(size));
    expect((await client.answer()).status).toBe(504);
    // A socket that nobody reads does not notice its end.
    held[0]?.resume();
    await until('the upstream connection to be closed', () => up.open === 0);
  });

  it('in the middle of its body: broken after idleTimeout', async () => {
    const up = await saying('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst');
    const { port } = await forwardTo(up.url, { idleTimeout: '100ms' });
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect([answer.status, answer.complete, answer.body.toString()]).toEqual([200, false, 'first']);
  });

  it('on the whole: broken or 504 after totalTimeout, however busy', async () => {
    const up = await startUpstream((_, response) => {
      const timer = setInterval(() => response.write('drip'), 10);
      response.on('close', () => clearInterval(timer));
    });
    const { port } = await forwardTo(up.url, { totalTimeout: '200ms' });
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect(answer.complete).toBe(false);
    expect(answer.body.length).toBeGreaterThan(0);
    await until('the upstream connection to be closed', () => up.open === 0);
  });
});

describe('an answer before the request is whole', () => {
  it('is delivered; the rest of the body is not waited for', async () => {
    const up = await startSocketUpstream((socket) =>
      onHeads(socket, () => socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')),
    );
    const { port, inFlight } = await forwardTo(up.url, { maxBodyBytes: '100mb' });
    const client = await RawClient.connect(port);
    client.send(requestText('POST', '/', ['Content-Length: 50000000'], 'start'));
    const answer = await client.answer();
    expect([answer.status, answer.body.toString(), answer.header('connection')]).toEqual([
      403,
      'no',
      'close',
    ]);
    await client.ended();
    await until('the upstream connection to be closed', () => up.open === 0);
    expect(await inFlight()).toBe(0);
  });
});

describe('more requests than connections', () => {
  it('wait in turn and are all served', async () => {
    const up = await startUpstream((_, response) => void setImmediate(() => response.end('ok')));
    const { url } = await forwardTo(up.url, {}, { maxConnections: 4, connectTimeout: '20s' });
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => fetch(url).then((response) => response.status)),
    );
    expect(answers.every((status) => status === 200)).toBe(true);
    expect(up.accepted).toBeLessThanOrEqual(4);
  });

  it('wait no longer than connectTimeout: 503 with Retry-After', async () => {
    const up = await saying('');
    const { port } = await forwardTo(up.url, {}, { maxConnections: 1, connectTimeout: '100ms' });
    const first = await RawClient.connect(port);
    first.send(requestText('GET', '/held'));
    await until('the held request', () => up.open === 1);
    const answer = await rawRequest(port, requestText('GET', '/'));
    expect([answer.status, answer.header('retry-after')]).toEqual([503, '1']);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_overloaded' });
    expect(up.accepted).toBe(1);
  });
});
