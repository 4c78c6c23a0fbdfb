// Pooled connections that the upstream closed: what is sent again on a new one, and what never is.
import { describe, expect, it } from 'vitest';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { onHeads, startSocketUpstream } from '../support/upstream.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const forwardTo = (url: string): Promise<ListeningGateway> =>
  startGateway({
    upstreams: { back: { targets: [url] } },
    routes: [{ id: 'it', match: { path: '/*rest' }, upstream: 'back' }],
  });

/** An upstream that sends `bytes` for each request and ends the connection. */
const closing = (bytes: string) =>
  startSocketUpstream((socket) => onHeads(socket, () => socket.end(Buffer.from(bytes, 'latin1'))));

describe('a pooled connection that the upstream closed', () => {
  /** Answers `served` requests on a connection, then closes it without an answer when the next one comes. */
  const forgetful = (served: number) =>
    startSocketUpstream((socket) =>
      onHeads(socket, (_, number) => {
        if (number < served) socket.write(ok);
        else socket.resetAndDestroy();
      }),
    );

  it('is retried once on a new one for an idempotent request', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const up = await forgetful(1);
      const { port } = await forwardTo(up.url);
      const client = await RawClient.connect(port);
      for (let round = 0; round < 3; round += 1)
        expect((await client.send(requestText(method, '/')).answer()).status).toBe(200);
      expect(up.accepted).toBe(3);
    }
  });

  it('is retried with its body, as long as that is whole in the buffer', async () => {
    const received: string[] = [];
    const up = await startSocketUpstream((socket, number) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (!text.endsWith('end')) return;
        if (number === 0 && text.includes('/2')) return void socket.destroy();
        received.push(text.slice(text.indexOf('\r\n\r\n') + 4));
        text = '';
        socket.write(ok);
      });
    });
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    const put = (target: string, body: string): string =>
      requestText('PUT', target, [`Content-Length: ${body.length}`], body);
    const body = `${'x'.repeat(20_000)}end`;
    expect((await client.send(put('/1', body)).answer()).status).toBe(200);
    expect((await client.send(put('/2', body)).answer()).status).toBe(200);
    expect([up.accepted, received.every((one) => one === body), received.length]).toEqual([2, true, 2]);
  });

  it('is not retried when its body was longer than the buffer', async () => {
    let bytes = 0;
    const up = await startSocketUpstream((socket, number) => {
      onHeads(socket, (_, request) => {
        if (number === 0 && request === 0) socket.write(ok);
      });
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes > 150_000) socket.resetAndDestroy();
      });
    });
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    expect((await client.send(requestText('GET', '/')).answer()).status).toBe(200);
    client.send(requestText('PUT', '/', ['Content-Length: 200000'], 'x'.repeat(200_000)));
    expect((await client.answer()).status).toBe(502);
    expect(up.accepted).toBe(1);
  });

  it('counts the retry in its record', async () => {
    const up = await forgetful(1);
    const { port, record } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    for (const target of ['/1', '/2']) await client.send(requestText('GET', target)).answer();
    expect((await record((one) => one.path === '/1')).retries).toBe(0);
    expect((await record((one) => one.path === '/2')).retries).toBe(1);
  });

  it('is not retried for POST once bytes were sent', async () => {
    const up = await forgetful(1);
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    const post = requestText('POST', '/', ['Content-Length: 2'], 'hi');
    expect((await client.send(post).answer()).status).toBe(200);
    expect((await client.send(post).answer()).status).toBe(502);
    expect(up.accepted).toBe(1);
  });

  it('is not retried twice', async () => {
    let connection = 0;
    const up = await startSocketUpstream((socket, number) => {
      connection = number;
      onHeads(socket, (_, request) => {
        if (number === 0 && request === 0) socket.write(ok);
        else socket.destroy();
      });
    });
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    expect((await client.send(requestText('GET', '/')).answer()).status).toBe(200);
    expect((await client.send(requestText('GET', '/')).answer()).status).toBe(502);
    expect(connection).toBe(1);
  });

  it('seen closed before the request is not used, whatever the method', async () => {
    const sockets: { destroy(): unknown }[] = [];
    const up = await startSocketUpstream((socket) => {
      sockets.push(socket);
      onHeads(socket, () => socket.write(ok));
    });
    const { port } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    const post = requestText('POST', '/', ['Content-Length: 2'], 'hi');
    for (let round = 0; round < 5; round += 1) {
      expect((await client.send(post).answer()).status).toBe(200);
      sockets.at(-1)?.destroy();
      await until('the connection to be gone', () => up.open === 0);
    }
    expect(up.accepted).toBe(5);
  });

  it('by Connection: close is not pooled', async () => {
    const up = await closing('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
    const { port, record } = await forwardTo(up.url);
    const client = await RawClient.connect(port);
    for (const target of ['/1', '/2'])
      expect((await client.send(requestText('POST', target, ['Content-Length: 0'])).answer()).status).toBe(
        200,
      );
    expect((await record((one) => one.path === '/2')).retries).toBe(0);
    expect(up.accepted).toBe(2);
  });
});
