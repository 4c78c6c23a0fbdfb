// Clients that take their time: each bound has its answer and its ending, and one that keeps to the bound is served.
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { metric } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';
import { forwardingTo, type NativeOptions, startNative, statusesOf, untilClosed } from './support.ts';

const handlers = (gateway: import('../../src/index.ts').Gateway): void => {
  gateway.get('/', () => 'here').post('/', async ({ body }) => `${(await body.bytes()).length} bytes`);
};

describe('a request that does not come to its end', () => {
  it.each<[string, NativeOptions, string]>([
    ['in its request line', { headerTimeout: '150ms' }, 'GE'],
    ['in its fields', { headerTimeout: '150ms' }, 'GET / HTTP/1.1\r\nHost: a\r\n'],
    [
      'in its body, of known length',
      { requestTimeout: '150ms' },
      requestText('POST', '/', ['Content-Length: 9'], 'part'),
    ],
    [
      'in its body, in chunks',
      { requestTimeout: '150ms' },
      requestText('POST', '/', ['Transfer-Encoding: chunked'], '4\r\npart\r\n'),
    ],
  ])('%s: 408, closed', async (_, options, bytes) => {
    const { port } = await startNative(options, {}, handlers);
    const text = await untilClosed(port, bytes);
    expect(statusesOf(text)).toEqual([408]);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
  });

  it('behind an answered one: 408, closed', async () => {
    const { port } = await startNative({ headerTimeout: '150ms' }, {}, handlers);
    expect(statusesOf(await untilClosed(port, `${requestText('GET', '/')}GET / HT`))).toEqual([200, 408]);
  });

  it('on its way to an upstream: 408, closed, and the upstream sees it broken', async () => {
    const up = await startUpstream(() => {});
    const { port } = await startNative({ requestTimeout: '200ms' }, forwardingTo(up.url));
    const text = await untilClosed(port, requestText('POST', '/', ['Content-Length: 9'], 'part'));
    expect(statusesOf(text)).toEqual([408]);
    await until('the upstream connection to be closed', () => up.open === 0);
  });

  it('slower than minBodyRate: 408, closed', async () => {
    const { port } = await startNative({ minBodyRate: '1mb' }, {}, handlers);
    const client = await byteClient(port);
    client.send(requestText('POST', '/', ['Content-Length: 1000']));
    const drip = setInterval(() => client.send('x'), 50);
    client.socket.once('close', () => clearInterval(drip));
    expect(statusesOf(await client.closed())).toEqual([408]);
  });
});

describe('a connection that says nothing', () => {
  it('after an answer is closed silently', async () => {
    const { port } = await startNative({ keepAliveTimeout: '100ms' }, {}, handlers);
    expect(statusesOf(await untilClosed(port, requestText('GET', '/')))).toEqual([200]);
  });

  it('from the start is closed', async () => {
    const { port } = await startNative({ headerTimeout: '100ms' }, {}, handlers);
    expect(statusesOf(await untilClosed(port, '')).filter((status) => status !== 408)).toEqual([]);
  });

  it('while its answer is made is left alone', async () => {
    const { port } = await startNative({ headerTimeout: '50ms', keepAliveTimeout: '50ms' }, {}, (gateway) => {
      gateway.get('/', () => new Promise((resolve) => setTimeout(resolve, 400, 'late')));
    });
    const client = await RawClient.connect(port);
    expect((await client.send(requestText('GET', '/')).answer()).body.toString()).toBe('late');
  });

  it('between requests is served again in time', async () => {
    const { port } = await startNative({ keepAliveTimeout: '20s', headerTimeout: '100ms' }, {}, handlers);
    const client = await RawClient.connect(port);
    for (let round = 0; round < 3; round += 1) {
      expect((await client.send(requestText('GET', '/')).answer()).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
});

it('a client that takes nothing of its answer is reset', async () => {
  const { port, gateway } = await startNative({ writeTimeout: '200ms' }, {}, (made) => {
    made.get('/', () => new Uint8Array(64 * 1024 * 1024));
  });
  const client = await RawClient.connect(port);
  client.send(requestText('GET', '/')).socket.pause();
  const givenUp = () => metric(gateway, 'ferrogate_client_timeouts_total', { clock: 'write' });
  await until('it to be given up', async () => (await givenUp()) === 1);
  client.socket.resume();
  expect((await client.answer()).complete).toBe(false);
});
