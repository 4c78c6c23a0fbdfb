// An upstream that does what a case says, tells which connection carried which request, and answers all others with the mark they bear.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { UpstreamCase } from './case.ts';

/** A connection as the upstream saw it. */
export interface Carried {
  /** Targets, in order. */
  readonly targets: string[];
  isClosed: boolean;
  /** Says more; resolves when the system has it. */
  say(text: string): Promise<void>;
}

export interface Origin {
  readonly url: string;
  /** The connection that carried this target last. */
  carried(target: string): Carried | undefined;
  close(): Promise<void>;
}

/** `cases` by the target that asks for them; every other request is answered with its target. */
export async function startOrigin(cases: ReadonlyMap<string, UpstreamCase>): Promise<Origin> {
  const connections: Carried[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const carried: Carried = {
      targets: [],
      isClosed: false,
      say: (text) =>
        new Promise((resolve) => void socket.write(Buffer.from(text, 'latin1'), () => resolve())),
    };
    connections.push(carried);
    socket.on('error', () => {});
    socket.on('close', () => {
      carried.isClosed = true;
      sockets.delete(socket);
    });
    serve(socket, carried, cases);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    carried: (target) => connections.findLast(({ targets }) => targets.includes(target)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serve(socket: Socket, carried: Carried, cases: ReadonlyMap<string, UpstreamCase>): void {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const [, target = ''] = text.slice(0, end).split(' ', 2);
      text = text.slice(end + 4);
      carried.targets.push(target);
      const found = cases.get(target);
      if (found === undefined)
        void carried.say(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
      else void play(socket, carried, found);
    }
  });
}

async function play(socket: Socket, carried: Carried, { says, after }: UpstreamCase): Promise<void> {
  for (const piece of typeof says === 'string' ? [says] : says) await carried.say(piece);
  if (after === 'ends') socket.end();
  // Behind what was said, so that it is read first.
  if (after === 'resets') setImmediate(() => socket.resetAndDestroy());
}
