// A WebSocket server, a gateway in front of it, and clients that connect through it; all end with the test.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ClientOptions, type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { GatewayConfig } from '../../src/index.ts';
import { type ListeningGateway, startGateway } from './gateway.ts';
import { until } from './until.ts';

export type Threads = 1 | 2 | 'loop';
export interface Chat {
  readonly url: string;
  /** The server's ends, in the order in which they opened. */
  readonly sockets: WebSocket[];
  /** Code and reason with which each ended. */
  readonly closes: [code: number, reason: string][];
}

const isBigEnough = { maxPayload: 64 * 1024 * 1024 };

/** A server that calls `serve` for each connection; it echoes every message by default. */
export async function startChat(
  serve: (socket: WebSocket) => void = echo,
  { secure, ...options }: ServerOptions & { secure?: { key: string; cert: string } } = {},
): Promise<Chat> {
  const server = secure === undefined ? createServer() : createSecureServer(secure);
  const chat = new WebSocketServer({ server, ...isBigEnough, ...options });
  const sockets: WebSocket[] = [];
  const closes: Chat['closes'] = [];
  chat.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('close', (code, reason) => closes.push([code, reason.toString()]));
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of chat.clients) socket.terminate();
    server.close();
  });
  const scheme = secure === undefined ? 'http' : 'https';
  return { url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, closes };
}

export function echo(socket: WebSocket): void {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
}

type Route = NonNullable<GatewayConfig['routes']>[number];

/** A gateway with one route of WebSockets to `chat`. */
export function startWith(
  chat: Pick<Chat, 'url'>,
  threads: Threads,
  route: Partial<Route> = {},
  more: GatewayConfig = {},
): Promise<ListeningGateway> {
  return startGateway({
    listen: { listener: 'native', threads },
    upstreams: { chat: { targets: [chat.url] } },
    routes: [{ match: { path: '/*rest' }, upstream: 'chat', websocket: true, ...route } as Route],
    ...more,
  });
}

/** A client that is open, and what it receives. */
export async function join(
  { url }: ListeningGateway,
  options: ClientOptions = {},
  protocols: string[] = [],
): Promise<{ socket: WebSocket; next(): Promise<RawData>; closed: Promise<[number, string]> }> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/room`, protocols, {
    perMessageDeflate: false,
    ...isBigEnough,
    ...options,
  });
  onTestFinished(() => socket.terminate());
  const received: RawData[] = [];
  socket.on('message', (data) => received.push(data));
  const closed = new Promise<[number, string]>((resolve) => {
    socket.on('close', (code, reason) => resolve([code, String(reason)]));
  });
  await once(socket, 'open');
  const next = async (): Promise<RawData> => {
    await until('a message', () => received.length > 0);
    return received.shift() as RawData;
  };
  return { socket, next, closed };
}
