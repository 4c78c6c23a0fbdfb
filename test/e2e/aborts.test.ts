// Clients that go away at every step of an exchange, by FIN and by RST, many times: afterwards nothing waits, runs or is open, and the gateway serves on.
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { Gateway, GatewayConfig, HandlerContext } from '../../src/index.ts';
import { type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { type Issuer, signingKey, startIssuer } from '../support/issuer.ts';
import { isNative } from '../support/listeners.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { onHeads, startSocketUpstream, type Upstream } from '../support/upstream.ts';

/** Clients of one step, half of them by FIN, half by RST. */
const clients = 200;
const atOnce = 20;
const maxConnections = 64;

/** What the tests see of the gateway's own code and of its upstreams; requests are known by their numbers. */
interface Scene {
  readonly gateway: ListeningGateway;
  readonly upstream: Upstream;
  /** Requests whose heads came upstream, with their sockets there. */
  readonly heads: Map<string, Socket>;
  /** Requests that a handler began, and those whose handler was told that the client is gone. */
  readonly begun: Set<string>;
  readonly gone: Set<string>;
  /** Pieces that a stream gave, and streams that were ended. */
  readonly pieces: Map<string, number>;
  readonly ended: Set<string>;
}

type IsThere = (scene: Scene, number: string, client: RawClient) => boolean;

interface Step {
  /** `?n=` gets the client's number. */
  readonly send: string;
  /** Resolves at once, or when the step is reached. */
  readonly isThere?: IsThere;
  /** The client does not read. */
  readonly blocked?: true;
}

const get = (path: string, lines: readonly string[] = []): string => requestText('GET', `${path}?n=`, lines);
const post = (path: string, lines: readonly string[], body = ''): string =>
  requestText('POST', `${path}?n=`, lines, body);

const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const chunked = 'Transfer-Encoding: chunked';

const isUpstream: IsThere = ({ heads }, number) => heads.has(number);
const isInHandler: IsThere = ({ begun }, number) => begun.has(number);
const isAnswered: IsThere = (_, __, client) => client.socket.bytesRead > 100;
/** The sender has stood still since the last look. */
const standsStill = (): IsThere => {
  const before = new Map<string, number>();
  return ({ heads, pieces }, number) => {
    const sent = pieces.get(number) ?? heads.get(number)?.bytesWritten ?? 0;
    const isStill = sent > 0 && before.get(number) === sent;
    before.set(number, sent);
    return isStill;
  };
};

const steps: Readonly<Record<string, Step>> = {
  'before its request': { send: '' },
  'in the request line': { send: 'GET /han' },
  'in the head': { send: 'GET /hang HTTP/1.1\r\nHost: gateway.test\r\nX-A' },
  'in a forwarded body with a length': {
    send: post('/hang', ['Content-Length: 9'], 'some'),
    isThere: isUpstream,
  },
  'in a forwarded chunk': { send: post('/hang', [chunked], '9\r\nsome'), isThere: isUpstream },
  'between forwarded chunks': { send: post('/hang', [chunked], '4\r\nsome\r\n'), isThere: isUpstream },
  'at 100 Continue': {
    send: post('/hang', ['Content-Length: 9', 'Expect: 100-continue']),
    isThere: (_, __, client) => client.socket.bytesRead >= 25,
  },
  'while it waits for the response': { send: get('/hang'), isThere: isUpstream },
  'in a forwarded answer': { send: get('/begin'), isThere: isAnswered },
  'in a forwarded answer that it does not read': {
    send: get('/flood'),
    blocked: true,
    isThere: standsStill(),
  },
  'in a handler': { send: get('/js/never'), isThere: isInHandler },
  'in a handler that reads its body': {
    send: post('/js/read', ['Content-Length: 9'], 'some'),
    isThere: isInHandler,
  },
  'in the answer of a handler': { send: get('/js/stream'), isThere: isAnswered },
  'in the answer of a handler that it does not read': {
    send: get('/js/flood'),
    blocked: true,
    isThere: standsStill(),
  },
  ...(isNative ? { 'on a WebSocket': { send: get('/socket', upgrade), isThere: isAnswered } } : {}),
};

const switching =
  'HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
const answers: Readonly<Record<string, string>> = {
  begin: `HTTP/1.1 200 OK\r\nX-Pad: ${'a'.repeat(100)}\r\nContent-Length: 100\r\n\r\npart`,
  flood: 'HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n',
  ok: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  socket: switching,
};

function serve(socket: Socket, heads: Scene['heads']): void {
  const flood = (): void => {
    while (socket.writable && socket.write(Buffer.alloc(65_536)));
  };
  onHeads(socket, (head) => {
    const [, path = '', number = ''] = /^\S+ \/(\w+)(?:\?n=(\d+))?/.exec(head) ?? [];
    heads.set(number, socket);
    if (answers[path] !== undefined) socket.write(answers[path]);
    if (path !== 'flood') return;
    socket.on('drain', flood);
    flood();
  });
}

async function startScene(issuer: Issuer): Promise<Scene> {
  const heads: Scene['heads'] = new Map();
  const seen = { begun: new Set<string>(), gone: new Set<string>(), ended: new Set<string>() };
  const pieces: Scene['pieces'] = new Map();
  const upstream = await startSocketUpstream((socket) => serve(socket, heads));
  const socket = isNative ? [{ match: { path: '/socket' }, upstream: 'back', websocket: true }] : [];
  const config: GatewayConfig = {
    listen: { chunkedRequests: 'accept' },
    issuers: { main: { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl } },
    upstreams: { back: { targets: [upstream.url], maxConnections, connectTimeout: '20s' } },
    routes: [
      ...socket,
      { match: { path: '/token' }, upstream: 'back', jwt: 'main' },
      { match: { path: '/*rest' }, upstream: 'back' },
    ],
  };
  const gateway = await startGateway(config, (made) => handlers(made, { ...seen, pieces }));
  return { gateway, upstream, heads, pieces, ...seen };
}

function handlers(
  gateway: Gateway,
  { begun, gone, pieces, ended }: Omit<Scene, 'gateway' | 'upstream' | 'heads'>,
): void {
  const counted = ({ query, signal }: HandlerContext): string => {
    const number = query.get('n') ?? '';
    begun.add(number);
    signal.addEventListener('abort', () => gone.add(number));
    return number;
  };
  async function* endless(number: string, piece: Uint8Array, isSlow: boolean): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        pieces.set(number, (pieces.get(number) ?? 0) + 1);
        yield piece;
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      ended.add(number);
    }
  }
  gateway
    .get('/js/never', (context) => {
      counted(context);
      return new Promise(() => {});
    })
    .post('/js/read', async (context) => {
      counted(context);
      return context.body.text();
    })
    .get('/js/stream', (context) => endless(counted(context), new Uint8Array(200), true))
    .get('/js/flood', (context) => endless(counted(context), new Uint8Array(65_536), false));
}

/** Everything that a gauge tells of the client side and of what runs. */
const gauges = [
  'ferrogate_http_requests_in_flight',
  'ferrogate_waiting_requests',
  'ferrogate_parked_requests',
  'ferrogate_connections_open',
  'ferrogate_websockets',
];

async function isEmpty({ gateway, upstream }: Scene): Promise<void> {
  for (const name of gauges)
    await until(`${name} to be 0`, async () => ((await metric(gateway.gateway, name)) ?? 0) === 0);
  // What is left there is idle, and told as such.
  const open = async (): Promise<number> =>
    (await metric(gateway.gateway, 'ferrogate_upstream_connections')) ?? 0;
  await until('the same number of connections on both sides', async () => (await open()) === upstream.open);
  expect(await metric(gateway.gateway, 'ferrogate_contained_panics_total')).toBe(0);
  expect(gateway.lines.filter(({ level }) => level === 'error')).toEqual([]);
}

/** A client that comes to the step and goes away. */
async function goAway(scene: Scene, step: Step, number: number): Promise<void> {
  const client = await RawClient.connect(scene.gateway.port);
  if (step.send !== '') client.send(step.send.replace('?n=', `?n=${number}`));
  if (step.blocked === true) {
    await until('the answer to begin', () => client.socket.bytesRead > 0);
    client.socket.pause();
  }
  await until('the step', () => step.isThere?.(scene, String(number), client) ?? true);
  leave(client, number);
}

function leave(client: RawClient, number: number): void {
  if (number % 2 === 0) client.reset();
  else client.socket.destroy();
}

it.each(Object.entries(steps))(
  '%s',
  async (_, step) => {
    const scene = await startScene(await startIssuer());
    let number = 0;
    const lane = async (): Promise<void> => {
      while (number < clients) {
        number += 1;
        await goAway(scene, step, number);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    await isEmpty(scene);
    const { begun, gone, pieces, ended } = scene;
    await until('every handler to be told', () => gone.size === begun.size);
    await until('every stream to be ended', () => ended.size === pieces.size);
    expect(await (await fetch(`${scene.gateway.url}/ok`)).text()).toBe('ok');
  },
  90_000,
);

/** Many clients that wait for the same, time and again. */
async function wait(scene: Scene, request: string, gauge: string, rounds: number): Promise<void> {
  const waiting = (): Promise<number | undefined> => metric(scene.gateway.gateway, gauge);
  for (let round = 0; round < rounds; round += 1) {
    const all = await Promise.all(
      Array.from({ length: atOnce }, () => RawClient.connect(scene.gateway.port)),
    );
    for (const client of all) client.send(request);
    await until('them to wait', async () => (await waiting()) === atOnce);
    for (const [at, client] of all.entries()) leave(client, at);
    await until('nobody to wait', async () => (await waiting()) === 0);
  }
}

it('while it waits for one of the connections', async () => {
  const scene = await startScene(await startIssuer());
  const { port } = scene.gateway;
  const holders = await Promise.all(Array.from({ length: maxConnections }, () => RawClient.connect(port)));
  for (const [at, holder] of holders.entries()) holder.send(get('/hang').replace('?n=', `?n=${at}`));
  await until('every connection to be taken', () => scene.heads.size === maxConnections);
  await wait(scene, get('/hang'), 'ferrogate_waiting_requests', 5);
  expect(scene.heads.size).toBe(maxConnections);
  for (const holder of holders) holder.reset();
  await isEmpty(scene);
});

it('while it waits for a key set', async () => {
  const issuer = await startIssuer();
  const scene = await startScene(issuer);
  await until('keys', () => scene.gateway.gateway.ready().ready);
  issuer.answer = () => {};
  const token = issuer.token({}, { key: signingKey('next') });
  // The fetch ends after a while, and with it the wait of those who come later.
  await wait(scene, get('/token', [`Authorization: Bearer ${token}`]), 'ferrogate_parked_requests', 1);
  expect(scene.heads.size).toBe(0);
  await isEmpty(scene);
});
