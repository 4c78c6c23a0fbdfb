// A TCP proxy between a client and a server of a test: it passes bytes, late or not at all.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { stopsWithTest } from './redis.ts';

export interface TcpProxy {
  readonly port: number;
  /** Milliseconds that bytes take each way, from the next ones on. */
  latency: number;
  /** Bytes are swallowed both ways; connections open and stay open. */
  blackHole: boolean;
  /** Connections that were accepted so far. */
  readonly accepted: number;
  /** Breaks all connections that are open. */
  breakAll(): void;
  stop(): Promise<void>;
}

/** Starts a proxy to a port of loopback; inside of a test it is stopped when that test ends. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ noDelay: true }, (client) => {
    accepted += 1;
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    pass(client, upstream);
    pass(upstream, client);
  });
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (chunk) => deliver(chunk, to));
    from.on('error', () => to.destroy());
    from.once('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const deliver = (chunk: string | Buffer, to: Socket): void => {
    if (proxy.blackHole) return;
    if (proxy.latency === 0) to.write(chunk);
    else setTimeout(() => to.writable && to.write(chunk), proxy.latency);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    breakAll();
    await closed;
  };
  stopsWithTest(stop);
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    latency: 0,
    blackHole: false,
    get accepted() {
      return accepted;
    },
    breakAll,
    stop,
  };
  return proxy;
}
