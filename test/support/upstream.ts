// Upstream servers that a test owns: one that tells what reached it, and a bare socket that can break every rule.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { onTestFinished } from 'vitest';

/** A request as it reached an upstream. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  /** Name in lower case and value, in order, one entry per field. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Values of one field, joined by `, `; undefined without one. */
  header(name: string): string | undefined;
}

export interface Upstream {
  readonly url: string;
  readonly port: number;
  /** Every request whose head came, in order. */
  readonly seen: Seen[];
  /** Connections accepted so far, and those that are open. */
  readonly accepted: number;
  readonly open: number;
  /** Stops listening and breaks every connection. */
  stop(): Promise<void>;
}

export interface UpstreamOptions {
  /** Makes it an https server. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** 0: any free one. */
  readonly port?: number;
  /** Milliseconds that an idle connection is kept; default for ever. */
  readonly keepAliveMs?: number;
}

/** Answers 200 with the request as JSON: method, url, headers as node:http joins them, and the body's text. */
export const echo: RequestListener = (request, response) => {
  void bodyOf(request).then((body) => {
    const { method, url, headers } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method, url, headers, body: body.toString() }));
  }, ignore);
};

/** Starts an upstream; it is stopped when the test ends. */
export async function startUpstream(
  listener: RequestListener = echo,
  { tls, port = 0, keepAliveMs = 0 }: UpstreamOptions = {},
): Promise<Upstream> {
  const seen: Seen[] = [];
  const hear: RequestListener = (request, response) => {
    seen.push(seenOf(request));
    listener(request, response);
  };
  const server: Server = tls === undefined ? createServer(hear) : createTlsServer(tls, hear);
  server.keepAliveTimeout = keepAliveMs;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  const scheme = tls === undefined ? 'http' : 'https';
  return held(server, scheme, port, seen);
}

/** Starts a bare TCP server; `script` drives each connection, `number` counts them from 0. */
export async function startSocketUpstream(
  script: (socket: Socket, number: number) => void,
): Promise<Upstream> {
  let number = 0;
  const server = createTcpServer({ noDelay: true }, (socket) => {
    socket.on('error', ignore);
    script(socket, number);
    number += 1;
  });
  return held(server, 'http', 0, []);
}

/** Calls `each` with every request head that comes over a bare socket, without looking at bodies. */
export function onHeads(socket: Socket, each: (head: string, number: number) => void): void {
  let text = '';
  let number = 0;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      each(head, number);
      number += 1;
    }
  });
}

/** The whole body; rejects when it breaks off. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function held(server: TcpServer, scheme: string, wanted: number, seen: Seen[]): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: wanted, host: '127.0.0.1', backlog: 4096 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  onTestFinished(stop);
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    seen,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    stop,
  };
}

function seenOf(request: IncomingMessage): Seen {
  const fields: [string, string][] = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    fields.push([(request.rawHeaders[at] ?? '').toLowerCase(), request.rawHeaders[at + 1] ?? '']);
  }
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    fields,
    header(name) {
      const values = fields.filter((field) => field[0] === name).map((field) => field[1]);
      return values.length === 0 ? undefined : values.join(', ');
    },
  };
}

function ignore(): void {}
