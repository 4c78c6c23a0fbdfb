// Traffic over TLS: large bodies, streams, pipelining, the ends of connections, WebSockets.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createAuthority } from '../support/certificates.ts';
import { join, startChat } from '../support/chat.ts';
import { metric } from '../support/gateway.ts';
import { requestText } from '../support/raw.ts';
import {
  addressOf,
  ask,
  authority,
  command,
  fileOf,
  opensslTrust,
  sClient,
  secureClient,
  startSecure,
} from '../support/secure.ts';
import { gate, until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';
import { forwardingTo } from './support.ts';

const large = 50 * 1024 * 1024;
const content = Buffer.alloc(large);
for (let at = 0; at < large; at += 4) content.writeUInt32LE((at * 2_654_435_761) % 4_294_967_296, at);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const expected = digest(content);

async function digestOf(request: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(request, hash);
  return hash.digest('hex');
}

const roomy = { maxBodyBytes: '64mb' };

describe('50 MB', () => {
  const forwarded = async () => {
    const upstream = await startUpstream((request, response) => {
      if (request.method === 'GET') return void response.end(content);
      void digestOf(request).then((seen) => response.end(seen));
    });
    return startSecure({}, { ...forwardingTo(upstream.url), listen: roomy });
  };

  it('go to an upstream, sized and chunked', async () => {
    const made = await forwarded();
    const sized = { method: 'POST', headers: { 'Content-Length': large }, body: content };
    expect((await ask(made, '/', sized)).text).toBe(expected);
    const chunked = { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' }, body: content };
    expect((await ask(made, '/', chunked)).text).toBe(expected);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('come from an upstream by %s', async (version) => {
    const answer = await ask(await forwarded(), '/', { minVersion: version, maxVersion: version });
    expect([answer.body.length, digest(answer.body)]).toEqual([large, expected]);
  });

  it('go both ways through a handler', async () => {
    const made = await startSecure({}, { listen: roomy }, (gateway) => {
      gateway.post('/', ({ body }) => body.stream());
    });
    const answer = await ask(made, '/', { method: 'POST', body: content });
    expect([answer.body.length, digest(answer.body)]).toEqual([large, expected]);
  });

  it('by curl', async () => {
    const { url } = await forwarded();
    const file = fileOf(content);
    const curl = ['-sS', '--cacert', fileOf(authority.ca)];
    expect(await command('curl', [...curl, '--data-binary', `@${file}`, url])).toEqual({
      code: 0,
      text: expected,
    });
    expect(await command('curl', [...curl, '-o', file, url])).toEqual({ code: 0, text: '' });
    expect(digest(readFileSync(file))).toBe(expected);
  });
});

it('an answer comes in the pieces in which the upstream sends it', async () => {
  const next = [gate(), gate()];
  const upstream = await startUpstream((_, response) => {
    void (async () => {
      response.write('one.');
      await next[0]?.opened;
      response.write('two.');
      await next[1]?.opened;
      response.end('three.');
    })();
  });
  const { socket } = await secureClient(await startSecure({}, forwardingTo(upstream.url)));
  let text = '';
  socket.on('data', (piece) => {
    text += piece;
  });
  socket.write(requestText('GET', '/'));
  await until('the first', () => text.includes('one.'));
  next[0]?.open();
  await until('the second', () => text.includes('two.'));
  expect(text).not.toContain('three.');
  next[1]?.open();
  await until('the third', () => text.includes('three.'));
});

it('a client that does not read for a while gets everything', async () => {
  const upstream = await startUpstream((_, response) => void response.end(content));
  const { port } = await startSecure({}, forwardingTo(upstream.url));
  const [response] = await once(request({ ...addressOf(port), agent: false }).end(), 'response');
  await until('bytes to wait', () => response.readableLength > 0);
  expect(await digestOf(response)).toBe(expected);
});

describe('one connection', () => {
  it('carries many requests', async () => {
    const made = await startSecure({}, {}, (gateway) => void gateway.get('/:n', ({ params }) => params.n));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (let n = 0; n < 50; n += 1) expect((await ask(made, `/${n}`, { agent })).text).toBe(String(n));
    expect(await metric(made.gateway, 'ferrogate_tls_handshakes_total', { outcome: 'full' })).toBe(1);
  });

  it('carries requests that come at once, in order, to handlers and upstreams', async () => {
    const upstream = await startUpstream((request, response) => void response.end(request.url));
    const config = forwardingTo(upstream.url);
    const made = await startSecure({}, config, (gateway) => {
      gateway.get('/handler/:n', async ({ params }) => {
        await new Promise((resolve) => setImmediate(resolve));
        return params.n;
      });
    });
    const { client } = await secureClient(made);
    const paths = Array.from({ length: 40 }, (_, n) => (n % 3 === 0 ? `/handler/${n}` : `/up/${n}`));
    client.send(paths.map((path) => requestText('GET', path)).join(''));
    for (const path of paths)
      expect(String((await client.answer()).body)).toBe(path.replace('/handler/', ''));
  });

  it('carries requests that are split anywhere', async () => {
    const made = await startSecure({}, {}, (gateway) => void gateway.post('/', ({ body }) => body.stream()));
    const { client } = await secureClient(made);
    for (const byte of requestText('POST', '/', ['Content-Length: 5'], 'hello')) client.send(byte);
    expect(String((await client.answer()).body)).toBe('hello');
  });
});

describe('the end', () => {
  it('of the client’s half by close_notify lets its answer come', async () => {
    const waits = gate();
    const upstream = await startUpstream((_, response) => void waits.opened.then(() => response.end('late')));
    const made = await startSecure(
      {},
      { ...forwardingTo(upstream.url), listen: { halfCloseTimeout: '20s' } },
    );
    const { client, socket } = await secureClient(made);
    socket.end(requestText('GET', '/'));
    await until('the upstream to be asked', () => upstream.seen.length === 1);
    waits.open();
    expect(String((await client.answer()).body)).toBe('late');
    expect((await client.ended()).how).toBe('end');
  });

  it('of the client in the middle of a body breaks the request', async () => {
    const upstream = await startUpstream();
    const made = await startSecure({}, forwardingTo(upstream.url));
    const { client, socket } = await secureClient(made);
    socket.end(requestText('POST', '/', ['Content-Length: 10'], 'half'));
    expect((await client.answer()).status).toBe(400);
    const { verdict } = await made.record(({ status }) => status === 400);
    expect(verdict).toBe('body_broken');
  });

  it('of the connection without close_notify is no end of a request', async () => {
    const upstream = await startUpstream(() => {});
    const made = await startSecure({}, forwardingTo(upstream.url));
    const bare = connect({ port: made.port, host: '127.0.0.1', allowHalfOpen: true });
    const secure = connectTls({ socket: bare, servername: 'site.test', ca: authority.ca });
    secure.on('error', () => {});
    onTestFinished(() => void bare.destroy());
    await once(secure, 'secureConnect');
    secure.write(requestText('GET', '/'));
    await until('the upstream to be asked', () => upstream.seen.length === 1);
    bare.end();
    const { status } = await made.record(() => true);
    expect(status).toBe(499);
    await until('the upstream to be let go', () => upstream.open === 0);
  });

  it('of an idle connection is told by close_notify', async () => {
    const made = await startSecure({}, { listen: { keepAliveTimeout: '200ms' } }, (gateway) => {
      gateway.get('/', () => 'hello');
    });
    const args = ['s_client', '-connect', `127.0.0.1:${made.port}`, '-ign_eof', '-msg', ...opensslTrust];
    const input = requestText('GET', '/');
    const { text } = await command('openssl', args, { input, readsAfter: 'Verify return code' });
    expect(text).toContain('hello');
    expect(text).toMatch(/<<< .*Alert.*warning close_notify/);
  });

  it('of an answer that broke off comes without close_notify', async () => {
    const upstream = await startUpstream((_, response) => {
      response.write('half');
      setImmediate(() => response.destroy());
    });
    const { port } = await startSecure({}, forwardingTo(upstream.url));
    const { text } = await sClient(port, ['-msg']);
    expect(text).toMatch(/half[\s\S]*read:errno=/);
    expect(text).not.toContain('close_notify');
  });

  it('of the gateway lets running requests end', async () => {
    const waits = gate();
    const made = await startSecure({}, {}, (gateway) => {
      gateway.get('/', async () => {
        await waits.opened;
        return 'late';
      });
    });
    const { client } = await secureClient(made);
    const { client: idle } = await secureClient(made);
    client.send(requestText('GET', '/'));
    await until('it to run', async () => (await made.inFlight()) === 1);
    const closed = made.gateway.close({ timeoutMs: 10_000 });
    expect((await idle.ended()).how).toBe('end');
    waits.open();
    const answer = await client.answer();
    expect([String(answer.body), answer.header('connection')]).toEqual(['late', 'close']);
    expect((await client.ended()).how).toBe('end');
    await closed;
  });
});

describe('a WebSocket over TLS', () => {
  const room = { match: { path: '/room' }, upstream: 'chat', websocket: true } as const;

  it('carries messages and ends', async () => {
    const chat = await startChat();
    const made = await startSecure({}, { upstreams: { chat: { targets: [chat.url] } }, routes: [room] });
    const { socket, next, closed } = await join(made, { ca: authority.ca });
    const message = content.subarray(0, 5_000_000);
    for (let round = 0; round < 3; round += 1) {
      socket.send(message);
      expect(message.equals((await next()) as Buffer)).toBe(true);
    }
    socket.close(4000, 'bye');
    expect(await closed).toEqual([4000, 'bye']);
    await until('the end', () => chat.closes.length === 1);
  });

  it('tells the identity of its client, and is refused without one', async () => {
    const staff = createAuthority('staff');
    const seen: unknown[] = [];
    const chat = await startChat(undefined, {
      verifyClient: ({ req }: { req: IncomingMessage }) => {
        seen.push(req.headers['x-client']);
        return true;
      },
    });
    const clientCertificate = { headers: { 'x-client': 'subject' } } as const;
    const made = await startSecure(
      { clientAuth: { mode: 'optional', ca: staff.ca } },
      { upstreams: { chat: { targets: [chat.url] } }, routes: [{ ...room, clientCertificate }] },
    );
    const headers = { 'x-client': 'CN=boss' };
    const { socket, next } = await join(made, { ca: authority.ca, headers, ...staff.client('/CN=ann') });
    socket.send('hello');
    expect(String(await next())).toBe('hello');
    expect(seen).toEqual(['CN=ann']);
    const refused = new WebSocket(`wss://127.0.0.1:${made.port}/room`, { ca: authority.ca, headers });
    refused.on('error', () => {});
    const [, response] = await once(refused, 'unexpected-response');
    expect(response.statusCode).toBe(403);
    refused.terminate();
  });
});
