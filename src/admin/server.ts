// The admin listener: probes, metrics and the configuration in force over plain HTTP; it changes nothing and asks nobody.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GatewayError } from '../errors.ts';

/** What the listener shows. */
export interface AdminView {
  /** Whether the process should go on; false answers `/livez` with 503. */
  live(): boolean;
  /** Whether traffic may come; otherwise why not. */
  ready(): { ready: boolean; reasons: readonly string[] };
  metrics(): Promise<{ body: string; contentType: string }>;
  routes(): readonly object[];
  /** The configuration with its secrets masked. */
  config(): object;
}

export interface AdminServer {
  /** `http://HOST:PORT` with the real port, IPv6 in brackets. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The listening socket where it was given, else none. */
  descriptors(): readonly number[];
  /** Takes no new connections. */
  stopAccepting(): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Serves `/livez`, `/readyz`, `/metrics`, `/routes` and `/config` to GET and HEAD.
 * Throws `ERR_FG_ADDRESS_IN_USE` when the port is taken. Port 0 takes a free one.
 * With `fd`, a listening socket which is the server's from then on, it binds nothing.
 */
export async function startAdmin(
  at: { host: string; port: number; fd?: number },
  view: AdminView,
): Promise<AdminServer> {
  const server = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000 }, (request, response) => {
    reply(request, response, view).catch(() => response.destroy());
  });
  await listen(server, at);
  // A connection that cannot be accepted costs one look at a page, and not the process.
  server.on('error', () => {});
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    host: at.host,
    port,
    descriptors: () => (at.fd === undefined ? [] : [at.fd]),
    stopAccepting: () => void server.close(),
    close: () => close(server),
  };
}

async function reply(request: IncomingMessage, response: ServerResponse, view: AdminView): Promise<void> {
  const { status, contentType, body } = await answerTo(request, view).catch(() =>
    problem(500, 'Internal Server Error'),
  );
  const headers: Record<string, string> = { 'Content-Type': contentType, 'Cache-Control': 'no-store' };
  if (status === 405) headers['Allow'] = 'GET, HEAD';
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(request: IncomingMessage, view: AdminView): Promise<Answer> {
  const path = (request.url ?? '').split('?', 1)[0];
  const page = path === undefined || !Object.hasOwn(pages, path) ? undefined : pages[path];
  if (page === undefined) return problem(404, 'Not Found');
  if (request.method !== 'GET' && request.method !== 'HEAD') return problem(405, 'Method Not Allowed');
  return page(view);
}

const pages: Readonly<Record<string, (view: AdminView) => Answer | Promise<Answer>>> = {
  '/livez': (view) => (view.live() ? text(200, 'ok\n') : text(503, 'not live\n')),
  '/readyz': (view) => {
    const { ready, reasons } = view.ready();
    return ready
      ? text(200, 'ok\n')
      : text(503, `not ready\n${reasons.map((reason) => `${reason}\n`).join('')}`);
  },
  '/metrics': async (view) => ({ status: 200, ...(await view.metrics()) }),
  '/routes': (view) => json(200, view.routes()),
  '/config': (view) => json(200, view.config()),
};

function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}

/** RFC 9457. */
function problem(status: number, title: string): Answer {
  return {
    status,
    contentType: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', title, status }),
  };
}

function listen(server: Server, { host, port, fd }: Parameters<typeof startAdmin>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      const inUse = error.code === 'EADDRINUSE';
      const message = `the admin address ${host}:${port} is in use`;
      reject(inUse ? new GatewayError('ERR_FG_ADDRESS_IN_USE', message, { cause: error }) : error);
    };
    server.once('error', refuse);
    server.listen(fd === undefined ? { host, port, exclusive: true } : { fd }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
