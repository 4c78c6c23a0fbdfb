// Drives the calls that cross into the addon, from the built package, in a process that valgrind watches: requests
// by inject and by socket, handlers that stream, throw and are left, reloads, workers' environments, refusals, close.
import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createGateway } from '../../dist/index.js';

const quiet = { info() {}, warn() {}, error() {} };
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'main', alg: 'RS256', use: 'sig' };

const configOf = (port, burst) => ({
  listen: { listener: 'native' },
  admin: false,
  issuers: { main: { issuer: 'https://id.test', audience: ['test'], jwks: { keys: [jwk] } } },
  limits: { few: { rate: 1, per: '1h', burst, key: 'client' } },
  upstreams: { echo: { targets: [`http://127.0.0.1:${port}`] } },
  routes: [
    { match: { path: '/up/*rest' }, upstream: 'echo' },
    { match: { path: '/limited' }, limits: ['few'], upstream: 'echo' },
    {
      match: { path: '/token' },
      jwt: { issuer: 'main' },
      claimHeaders: { 'x-user': 'sub' },
      upstream: 'echo',
    },
  ],
});

if (isMainThread) await main();
else await worker();

async function main() {
  const upstream = createServer((request, response) =>
    request.pipe(response.writeHead(200, { 'x-up': '1' })),
  );
  const port = await listening(upstream);
  for (const threads of ['loop', 1]) await serve(port, threads);
  for (let turn = 0; turn < 2; turn += 1) await inWorker();
  upstream.close();
  upstream.closeAllConnections();
}

async function serve(port, threads) {
  const gateway = createGateway(configOf(port, 2), { logger: quiet, records: quiet });
  register(gateway);
  const { port: own } = await gateway.listen({ host: '127.0.0.1', port: 0, threads });
  await injected(gateway);
  await bySocket(own);
  await gateway.reload(configOf(port, 5));
  await assert.rejects(gateway.reload({ routes: [{ match: { path: 'no slash' }, upstream: 'none' }] }));
  await injected(gateway);
  gateway.explain('GET', '/token', { authorization: 'Bearer x' });
  await gateway.close({ timeoutMs: 1000 });
}

function register(gateway) {
  gateway.get(
    '/hello/:name',
    ({ params, query, headers }) => `${params.name} ${query.get('q')} ${headers.get('x-a')}`,
  );
  gateway.post('/upper', async ({ body }) => (await body.text()).toUpperCase());
  gateway.get('/bytes', () => new Uint8Array(100_000).fill(97));
  gateway.get('/stream', () => pieces());
  gateway.get('/throw', () => {
    throw new Error('on purpose');
  });
  gateway.get('/never', ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)));
  gateway.get('/json', (request) => {
    request.status(201).header('x-b', 'b');
    return { ip: request.ip };
  });
}

async function* pieces() {
  for (let at = 0; at < 8; at += 1) yield new Uint8Array(16_384).fill(98);
}

async function injected(gateway) {
  const ask = async (options) => {
    const response = await gateway.inject(options);
    return { status: response.status, text: await response.text() };
  };
  const authorization = `Bearer ${token()}`;
  const cases = [
    [{ url: '/hello/ann?q=1', headers: { 'x-a': 'é'.repeat(20) } }, 200],
    [{ url: '/upper', method: 'POST', body: 'a'.repeat(70_000) }, 200],
    [{ url: '/bytes' }, 200],
    [{ url: '/stream' }, 200],
    [{ url: '/throw' }, 500],
    [{ url: '/json', ip: '2001:db8::1' }, 201],
    [{ url: '/nowhere' }, 404],
    [{ url: '/hello/a', method: 'DELETE' }, 405],
    [{ url: '/hello/%00' }, 400],
    [{ url: `/hello/${'a'.repeat(9000)}` }, 414],
    [{ url: '/token' }, 401],
    [{ url: '/token', headers: { authorization: 'Bearer a.b.c' } }, 401],
    [{ url: '/token', headers: { authorization } }, 200],
    [{ url: '/up/x', method: 'POST', body: 'b'.repeat(70_000) }, 200],
  ];
  for (const [options, status] of cases)
    assert.equal((await ask(options)).status, status, options.url.slice(0, 40));
  const limited = [];
  for (let turn = 0; turn < 6; turn += 1) limited.push((await ask({ url: '/limited' })).status);
  assert.ok(limited.includes(200) || limited.includes(429));
}

async function bySocket(port) {
  const head = (line) => `${line} HTTP/1.1\r\nHost: h\r\n`;
  const close = 'Connection: close\r\n\r\n';
  const texts = [
    `${head('GET /hello/ann')}${close}`,
    `${head('GET /up/a')}\r\n${head('GET /stream')}${close}`,
    `${head('POST /upper')}Transfer-Encoding: chunked\r\n${close}5;x=y\r\nhello\r\n0\r\n\r\n`,
    `${head('POST /up/b')}Content-Length: 5\r\n${close}hello`,
    `${head('GET /a')}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'GET / HTTP/1.1\nHost: h\n\n',
    `${head('POST /up/c')}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
    '\u0016\u0003\u0001\u0002\0',
  ];
  for (const text of texts) await sent(port, text);
  await sent(port, `${head('GET /never')}\r\n`, 20);
}

/** Sends a text and reads to the end; `leaveMs` leaves before it. */
function sent(port, text, leaveMs) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text, 'latin1');
      if (leaveMs !== undefined) setTimeout(() => socket.destroy(), leaveMs);
      else if (text.endsWith('hel')) socket.end();
    });
    socket.on('data', () => {});
    socket.on('error', () => {});
    socket.on('close', resolve);
  });
}

/** An environment that opens a gateway and ends; the second time with it still open. */
function inWorker() {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url));
    thread.on('error', reject);
    thread.on('message', () => thread.terminate());
    thread.on('exit', resolve);
  });
}

async function worker() {
  const gateway = createGateway(
    { listen: { listener: 'native' }, admin: false },
    { logger: quiet, records: quiet },
  );
  register(gateway);
  await gateway.listen({ host: '127.0.0.1', port: 0, threads: 'loop' });
  assert.equal((await gateway.inject('/bytes')).status, 200);
  parentPort.postMessage('served');
}

function token() {
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: 'https://id.test',
    aud: 'test',
    sub: 'ann',
    exp: Math.floor(Date.now() / 1000) + 3600,
  };
  const input = `${text({ alg: 'RS256', kid: 'main' })}.${text(claims)}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(privateKey, 'base64url')}`;
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}
