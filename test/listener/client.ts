// A client that writes bytes and keeps bytes, and waits for what shall happen.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface ByteClient {
  readonly socket: Socket;
  /** Bytes read so far. */
  received(): number;
  /** Resolves when what was read contains `part`; rejects when the connection ends before. */
  until(part: string | ((text: string) => boolean)): Promise<string>;
  /** Resolves with everything read when the server closed the connection. */
  closed(): Promise<string>;
  send(bytes: string): void;
}

export async function byteClient(
  port: number,
  host = '127.0.0.1',
  localAddress?: string,
): Promise<ByteClient> {
  const socket = connect({ port, host, ...(localAddress === undefined ? {} : { localAddress }) });
  const read: Buffer[] = [];
  let received = 0;
  let isClosed = false;
  let wake: () => void = () => {};
  socket.on('data', (data: Buffer) => {
    read.push(data);
    received += data.length;
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
    wake();
  });
  await once(socket, 'connect');
  const text = (): string => Buffer.concat(read).toString('latin1');
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return {
    socket,
    received: () => received,
    send: (bytes) => void socket.write(bytes, 'latin1'),
    async until(part) {
      const isThere = typeof part === 'string' ? (all: string) => all.includes(part) : part;
      for (let all = text(); ; all = text()) {
        if (isThere(all)) return all;
        if (isClosed) throw new Error(`the connection ended after ${JSON.stringify(all.slice(0, 500))}`);
        await change();
      }
    },
    async closed() {
      while (!isClosed) await change();
      return text();
    },
  };
}

/** Waits until `isTrue`, looking every other millisecond. */
export async function eventually(isTrue: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Lets the event loop turn a few times, for what must not happen. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}
