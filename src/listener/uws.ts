// The listener whose client side is uWebSockets.js: it reads a request once and hands it over; it judges nothing. The only importer of that library.

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { GatewayError } from '../errors.ts';
import type { PeerAddress } from '../native/calls.ts';
import type { Bridge } from './bridge.ts';
import type { Listener } from './listener.ts';
import { type Peer, UwsApps } from './uws-apps.ts';
import { UwsExchange, type UwsPool } from './uws-exchange.ts';
import type { ListenSocket, Uws, UwsApp, UwsRequest, UwsResponse } from './uws-library.ts';

/** The line that adds the library to an application. */
export const installLine = 'npm install uWebSockets.js@npm:uws-pack@20.0.8';

/** While the listener drains, how long no request may come before it counts as quiet. */
const QUIET_MS = 100;

export interface UwsListenerOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Longest request head in bytes. The library reads its own bound when it loads, so the first listener of the process decides it. */
  maxHeaderBytes: number;
  /** Listening sockets that are used instead of binding; the listener's from then on. */
  fds?: readonly number[];
}

/**
 * Starts listening.
 * @throws GatewayError `ERR_FG_LISTENER_UNAVAILABLE` without the library, `ERR_FG_ADDRESS_IN_USE` when the port is taken
 */
export async function listenUws(bridge: Bridge, options: UwsListenerOptions): Promise<Listener> {
  const uws = await loadUws(options.maxHeaderBytes);
  const pool: UwsPool = { bridge, free: [], busy: 0, begun: 0, isDraining: false, onQuiet: null };
  const apps = new UwsApps((peer) => makeApp(uws, pool, peer));
  const { shared } = apps;
  // Older versions adopt no socket: then the library accepts, and every request asks for its peer.
  const canAdopt = shared.adoptSocket !== undefined && shared.filter !== undefined;
  const opened = canAdopt ? openAcceptor(bridge, apps, options) : openSocket(uws, apps, options);
  const socket = await opened.catch((error: unknown) => {
    apps.close();
    throw error;
  });
  let accepting = true;
  const stopAccepting = (): void => {
    if (accepting) socket.close();
    accepting = false;
  };
  return {
    host: options.host,
    port: socket.port,
    descriptors: () => socket.descriptors(),
    pause: (yes) => {
      if (accepting) socket.pause(yes);
    },
    stopAccepting,
    drain() {
      pool.isDraining = true;
    },
    quiet: () => quiet(pool),
    empty: () => apps.empty(),
    families: () => apps.families(),
    close: () => {
      stopAccepting();
      apps.close();
    },
  };
}

/** Whether the library is installed and loads here; `maxHeaderBytes` as in the options of the listener. */
export function uwsLoads(maxHeaderBytes: number): Promise<boolean> {
  return loadUws(maxHeaderBytes).then(
    () => true,
    () => false,
  );
}

/** A listening socket. */
interface Accepting {
  readonly port: number;
  descriptors(): number[];
  /** Nothing happens where the library accepts by itself. */
  pause(yes: boolean): void;
  close(): void;
}

async function openAcceptor(bridge: Bridge, apps: UwsApps, options: UwsListenerOptions): Promise<Accepting> {
  const { native } = bridge;
  const { address } = await lookup(options.host);
  const adopt = (fd: number, text: string, peer: PeerAddress): void => {
    try {
      apps.adopt(fd, text, peer);
    } catch (error) {
      bridge.report(error);
    }
  };
  const { fds = [] } = options;
  const opened = (fds.length === 0 ? [undefined] : fds).map((fd) =>
    native.acceptorOpen(address, options.port, adopt, fd),
  );
  let isPaused = false;
  return {
    port: opened[0]?.port ?? options.port,
    descriptors: () => opened.map(({ acceptor }) => native.acceptorFd(acceptor)),
    pause: (yes) => {
      if (yes === isPaused) return;
      isPaused = yes;
      for (const { acceptor } of opened) native.acceptorPause(bridge.engine, acceptor, yes);
    },
    close: () => {
      for (const { acceptor } of opened) native.acceptorClose(acceptor);
    },
  };
}

async function openSocket(uws: Uws, apps: UwsApps, options: UwsListenerOptions): Promise<Accepting> {
  const descriptors = (): never => {
    const message = `this version of uWebSockets.js keeps its listening sockets to itself: takeover needs ${installLine}`;
    throw new GatewayError('ERR_FG_LISTENER_UNAVAILABLE', message);
  };
  if (options.fds !== undefined && options.fds.length > 0) descriptors();
  const socket = await new Promise<ListenSocket | false>((resolve) => {
    apps.shared.listen(options.host, options.port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, resolve);
  });
  if (socket === false) throw await listenFailure(options);
  return {
    port: uws.us_socket_local_port(socket),
    descriptors,
    pause: () => {},
    close: () => uws.us_listen_socket_close(socket),
  };
}

function makeApp(uws: Uws, pool: UwsPool, peer: Peer): UwsApp {
  const app = uws.App();
  for (const [verb, method] of verbs) app[verb]('/*', (res, req) => accept(pool, peer, res, req, method));
  return app.any('/*', (res, req) => accept(pool, peer, res, req, req.getCaseSensitiveMethod()));
}

// Names are in lower case already. One static callback and one string: no closure per request.
let block = '';
const appendHeader = (name: string, value: string): void => {
  block += `${name}: ${value}\r\n`;
};

/** The library tells these apart itself, which spares a string per request. */
const verbs = [
  ['get', 'GET'],
  ['head', 'HEAD'],
  ['post', 'POST'],
  ['put', 'PUT'],
  ['patch', 'PATCH'],
  ['del', 'DELETE'],
  ['options', 'OPTIONS'],
] as const;

function accept(pool: UwsPool, peer: Peer, res: UwsResponse, req: UwsRequest, method: string): void {
  const exchange = pool.free.pop() ?? new UwsExchange(pool);
  exchange.start(res);
  try {
    const query = req.getQuery();
    const target = query ? `${req.getUrl()}?${query}` : req.getUrl();
    block = '';
    req.forEach(appendHeader);
    const address = peer.address ?? res.getRemoteAddress();
    const hasBody = pool.bridge.begin(exchange, method, target, block, address, false);
    if (exchange.isOpen()) exchange.attach(hasBody);
  } catch (error) {
    // What is thrown to the library ends the process.
    pool.bridge.broke(exchange, error);
  }
}

async function loadUws(maxHeaderBytes: number): Promise<Uws> {
  // The library bounds the whole head, request line included, and reads the variable from the process environment,
  // which only the main thread can set. The exact bound on the fields is the data plane's.
  if (isMainThread) process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(maxHeaderBytes + 8192);
  let uws: Uws;
  try {
    const loaded = (await import('uWebSockets.js')) as unknown as { default?: Uws } & Uws;
    uws = loaded.default ?? loaded;
  } catch (cause) {
    const message = `listener "uws" needs uWebSockets.js, which is missing or does not load here; add it: ${installLine}`;
    throw new GatewayError('ERR_FG_LISTENER_UNAVAILABLE', message, { cause });
  }
  // Takes the library's own header out of every answer.
  uws._cfg?.('silent');
  return uws;
}

/** The library does not say why it could not listen: the same address is tried once through Node to find out. */
async function listenFailure({ host, port }: UwsListenerOptions): Promise<GatewayError> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
    await new Promise((resolve) => probe.close(resolve));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'EADDRINUSE' ? 'the port is taken' : `the address cannot be bound (${code})`;
    return new GatewayError('ERR_FG_ADDRESS_IN_USE', `cannot listen on ${host} port ${port}: ${reason}`, {
      cause,
    });
  }
  return new GatewayError('ERR_FG_ADDRESS_IN_USE', `cannot listen on ${host} port ${port}`);
}

/** Settles a turn of the loop after the last answer: inside the request callback the library has not sent it yet. */
/** A request that was on its way when the last answer was sent is waited for. */
async function quiet(pool: UwsPool): Promise<void> {
  for (let seen = -1; pool.busy > 0 || seen !== pool.begun; ) {
    if (pool.busy > 0) await noneBusy(pool);
    seen = pool.begun;
    await setTimeout(QUIET_MS);
  }
}

function noneBusy(pool: UwsPool): Promise<void> {
  return new Promise((resolve) => {
    pool.onQuiet = resolve;
  });
}
