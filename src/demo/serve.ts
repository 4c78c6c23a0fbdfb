// A small HTTP server on a free loopback port for the parts of the demo; nothing of a real service is in it.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DemoServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `listener` on 127.0.0.1 until closed. */
export async function serveLoopback(listener: RequestListener): Promise<DemoServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
