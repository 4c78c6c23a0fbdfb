// Interim answers: 100 only when the request is wanted, 103 passed on, none of either to HTTP/1.0.
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { signingKey } from '../support/issuer.ts';
import { requestText } from '../support/raw.ts';
import { gate } from '../support/until.ts';
import { startSocketUpstream, startUpstream } from '../support/upstream.ts';
import { forwardingTo, startNative, statusesOf, untilClosed } from './support.ts';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const expecting = (target: string, ...lines: string[]): string =>
  requestText('POST', target, ['Expect: 100-continue', 'Content-Length: 5', ...lines]);

describe('Expect: 100-continue', () => {
  it('of a forwarded request is met once, and the field stays here', async () => {
    const up = await startUpstream();
    const { port } = await startNative({}, forwardingTo(up.url));
    const client = await byteClient(port);
    client.send(expecting('/a'));
    expect(await client.until(CONTINUE)).toBe(CONTINUE);
    client.send('hello');
    expect(statusesOf(await client.until('"body":"hello"'))).toEqual([100, 200]);
    expect(up.seen[0]?.header('expect')).toBeUndefined();
  });

  it('of a handler that reads is met', async () => {
    const { port } = await startNative({}, {}, (gateway) => {
      gateway.post('/', async ({ body }) => `read ${await body.text()}`);
    });
    const client = await byteClient(port);
    client.send(expecting('/'));
    await client.until(CONTINUE);
    client.send('hello');
    await client.until('read hello');
  });

  it('with the body behind it is served', async () => {
    const up = await startUpstream();
    const { port } = await startNative({}, forwardingTo(up.url));
    const client = await byteClient(port);
    client.send(`${expecting('/a')}hello`);
    expect(statusesOf(await client.until('"body":"hello"')).at(-1)).toBe(200);
  });

  it.each([
    ['without a token', '/closed', 401],
    ['for no route', '/nowhere', 404],
    ['with another method', '/get', 405],
    ['over its bound', '/small', 413],
    ['over a limit', '/limited', 429],
  ])('%s gets the refusal alone', async (_, target, status) => {
    const up = await startUpstream();
    const upstream = 'back';
    const { port } = await startNative(
      {},
      {
        issuers: {
          main: { issuer: 'https://id.test', audience: false, jwks: { keys: [signingKey('main').jwk] } },
        },
        limits: { none: { rate: 1, per: '1h', key: 'route' } },
        upstreams: { back: { targets: [up.url] } },
        routes: [
          { match: { path: '/closed' }, jwt: 'main', upstream },
          { match: { path: '/get', methods: ['GET'] }, upstream },
          { match: { path: '/small' }, maxBodyBytes: 2, upstream },
          { match: { path: '/limited' }, limits: ['none'], upstream },
        ],
      },
    );
    if (status === 429) await untilClosed(port, requestText('GET', target, ['Connection: close']));
    const before = up.seen.length;
    const client = await byteClient(port);
    client.send(expecting(target, 'Connection: close'));
    expect(statusesOf(await client.closed())).toEqual([status]);
    expect(up.seen.length).toBe(before);
  });

  it('of HTTP/1.0 is not met', async () => {
    const { port } = await startNative({}, {}, (gateway) => {
      gateway.post('/', async ({ body }) => `read ${await body.text()}`);
    });
    const bytes = 'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello';
    expect(statusesOf(await untilClosed(port, bytes))).toEqual([200]);
  });
});

describe('103 of the upstream', () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: 1\r\n\r\n';
  const final = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal';

  it('is passed on before the answer is there, without what is for the next hop', async () => {
    const rest = gate();
    const up = await startSocketUpstream((socket) => {
      socket.once('data', () => {
        socket.write(early);
        void rest.opened.then(() => socket.write(final));
      });
    });
    const { port } = await startNative({}, forwardingTo(up.url));
    const client = await byteClient(port);
    client.send(requestText('GET', '/'));
    const hint = await client.until('\r\n\r\n');
    expect(statusesOf(hint)).toEqual([103]);
    expect(hint).toMatch(/\r\nlink: <\/a\.css>; rel=preload\r\n/i);
    expect(hint).not.toMatch(/\r\nx: 1\r\n/i);
    rest.open();
    expect(statusesOf(await client.until('final'))).toEqual([103, 200]);
  });

  it('is not passed on to HTTP/1.0', async () => {
    const up = await startSocketUpstream((socket) => socket.once('data', () => socket.write(early + final)));
    const { port } = await startNative({}, forwardingTo(up.url));
    expect(statusesOf(await untilClosed(port, 'GET / HTTP/1.0\r\n\r\n'))).toEqual([200]);
  });
});
