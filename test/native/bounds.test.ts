// How much a client may send and how many may connect: what is over the bound is told so, and what is within it is served.
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { rawRequest, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { idle, startNative, statusesOf, untilClosed } from './support.ts';

const hello = (gateway: import('../../src/index.ts').Gateway): void =>
  void gateway.get('/*rest', () => 'hello');
const get = requestText('GET', '/');

describe('more connections than', () => {
  it('maxConnections are answered 503 and closed, and there is room again when one leaves', async () => {
    const { port } = await startNative({ maxConnections: 3 }, {}, hello);
    const clients = await idle(port, 3);
    for (const client of clients) client.send(get);
    await Promise.all(clients.map((client) => client.until('hello')));
    expect(statusesOf(await untilClosed(port, get))).toEqual([503]);
    clients[0]?.socket.destroy();
    await until('room again', async () => (await rawRequest(port, get).catch(() => null))?.status === 200);
  });

  it('maxConnectionsPerClient are answered 503, those of other clients are served', async () => {
    const { port } = await startNative({ maxConnectionsPerClient: 2 }, {}, hello);
    const clients = await idle(port, 2);
    for (const client of clients) client.send(get);
    await Promise.all(clients.map((client) => client.until('hello')));
    expect(statusesOf(await untilClosed(port, get))).toEqual([503]);
    const other = await byteClient(port, '127.0.0.1', '127.0.0.2');
    other.send(get);
    await other.until('hello');
  });

  it('maxConnectionsPerClient of a trusted proxy are served', async () => {
    const listen = { trustedProxies: ['127.0.0.1/32'] };
    const { port } = await startNative({ maxConnectionsPerClient: 1 }, { listen }, hello);
    const clients = await idle(port, 4);
    for (const client of clients) client.send(get);
    await Promise.all(clients.map((client) => client.until('hello')));
  });
});

describe('a head over its bound', () => {
  it.each([
    ['a field', requestText('GET', '/', [`X-A: ${'a'.repeat(5_000)}`]), 431],
    [
      'fields in all',
      requestText(
        'GET',
        '/',
        Array.from({ length: 60 }, (_, at) => `X-${at}: ${'a'.repeat(90)}`),
      ),
      431,
    ],
    ['a head without an end', `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(9_000)}`, 431],
    [
      'too many fields',
      requestText(
        'GET',
        '/',
        Array.from({ length: 120 }, (_, at) => `X-${at}: a`),
      ),
      431,
    ],
    ['a target', requestText('GET', `/${'a'.repeat(8_200)}`), 414],
  ])('%s: refused and closed', async (name, bytes, status) => {
    const maxHeaderBytes = name === 'a target' ? '16kb' : '4kb';
    const { port } = await startNative({}, { listen: { maxHeaderBytes } }, hello);
    expect(statusesOf(await untilClosed(port, bytes))).toEqual([status]);
  });

  it('is refused before a body behind it is read', async () => {
    const { port } = await startNative({}, { listen: { maxHeaderBytes: '4kb' } }, hello);
    const lines = [`X-A: ${'a'.repeat(5_000)}`, 'Content-Length: 300000'];
    expect(statusesOf(await untilClosed(port, requestText('POST', '/', lines, 'b'.repeat(300_000))))).toEqual(
      [431],
    );
  });
});
