// HTTP/1.0 and absolute-form: what the listener makes of older clients and of clients that take it for a proxy.
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { startUpstream } from '../support/upstream.ts';
import { answered, forwardingTo, startNative, statusesOf, untilClosed } from './support.ts';

const routes = (gateway: import('../../src/index.ts').Gateway): void => {
  gateway
    .get('/js', () => 'handled')
    .get('/stream', async function* () {
      yield 'stre';
      yield 'amed';
    })
    .post('/js', async ({ body }) => body.text());
};

describe('HTTP/1.0', () => {
  it.each([
    ['a handler', 'GET /js HTTP/1.0\r\n\r\n', 'handled'],
    ['without Host', 'GET /js HTTP/1.0\r\nX-A: b\r\n\r\n', 'handled'],
    ['a body', 'POST /js HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody', 'body'],
    ['Connection: close', 'GET /js HTTP/1.0\r\nConnection: close\r\n\r\n', 'handled'],
    ['an answer of unknown length, ended by the connection', 'GET /stream HTTP/1.0\r\n\r\n', 'streamed'],
  ])('%s: answered and closed, never in chunks', async (_, bytes, body) => {
    const { port } = await startNative({}, {}, routes);
    const text = await untilClosed(port, bytes);
    expect(statusesOf(text)).toEqual([200]);
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(answered(body)(text)).toBe(true);
  });

  it('with Connection: keep-alive stays where the length is known, and says so', async () => {
    const { port } = await startNative({}, {}, routes);
    const client = await byteClient(port);
    const bytes = 'GET /js HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n';
    for (let round = 1; round <= 3; round += 1) {
      client.send(bytes);
      await client.until((text) => text.split('handled').length === round + 1);
    }
    client.send('GET /js HTTP/1.0\r\nHost: a\r\n\r\n');
    const text = await client.closed();
    expect(text.match(/\r\nconnection: keep-alive\r\n/gi)).toHaveLength(3);
  });

  it('with Connection: keep-alive is closed after an answer of unknown length', async () => {
    const { port } = await startNative({}, {}, routes);
    const text = await untilClosed(port, 'GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(answered('streamed')(text)).toBe(true);
    expect(text).not.toMatch(/transfer-encoding/i);
  });

  it('in chunks is refused', async () => {
    const { port } = await startNative({}, {}, routes);
    const bytes = 'POST /js HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n';
    expect(statusesOf(await untilClosed(port, bytes))).toEqual([400]);
  });

  it('is forwarded as HTTP/1.1, and a chunked answer comes without its chunks', async () => {
    const versions: string[] = [];
    const up = await startUpstream((request, response) => {
      versions.push(request.httpVersion);
      response.write('one ');
      response.end('two');
    });
    const { port } = await startNative({}, forwardingTo(up.url));
    const text = await untilClosed(port, 'GET /a HTTP/1.0\r\n\r\n');
    expect(versions).toEqual(['1.1']);
    expect(answered('one two')(text)).toBe(true);
    expect(text).not.toMatch(/transfer-encoding/i);
  });
});

describe('absolute-form', () => {
  it.each([
    ['http://gateway.test/a?b', '/a?b', 'gateway.test'],
    ['http://gateway.test', '/', 'gateway.test'],
    ['http://gateway.test?b', '/?b', 'gateway.test'],
    ['http://other.test:81/a', '/a', 'other.test:81'],
    ['HTTP://Gateway.Test/a', '/a', 'gateway.test'],
    ['http://[::1]:8080/a', '/a', '[::1]:8080'],
  ])('%s goes before Host', async (target, path, host) => {
    const up = await startUpstream();
    const { port } = await startNative({}, forwardingTo(up.url));
    const text = await untilClosed(
      port,
      `GET ${target} HTTP/1.1\r\nHost: host.test\r\nConnection: close\r\n\r\n`,
    );
    expect(statusesOf(text)).toEqual([200]);
    expect([up.seen[0]?.url, up.seen[0]?.header('x-forwarded-host')?.toLowerCase()]).toEqual([path, host]);
  });

  it.each([
    'http:///a',
    'http://user@gateway.test/a',
    'ftp://gateway.test/a',
    'http://a b/',
    '//gateway.test/a',
  ])('%s is refused', async (target) => {
    const up = await startUpstream();
    const { port } = await startNative({}, forwardingTo(up.url));
    const text = await untilClosed(port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect([statusesOf(text), up.seen.length]).toEqual([[400], 0]);
  });

  it('without Host is refused in HTTP/1.1', async () => {
    const { port } = await startNative({}, {}, routes);
    expect(statusesOf(await untilClosed(port, 'GET http://gateway.test/js HTTP/1.1\r\n\r\n'))).toEqual([400]);
  });
});
