// WebSocket clients of another make: what they send comes back in order and unchanged, then they close, or just go away.
import { WebSocket } from 'ws';
import { check } from '../lane.mjs';
import { contentOf } from '../random.mjs';
import { Broken, Wrong } from '../wire.mjs';

const native = ['native', 'loop'];
const PATIENCE_MS = 60_000;

/** Opens a connection; `next()` is the next message, `closed` its close code. */
async function join(lane, id) {
  const answered = lane.begin('chat');
  const socket = new WebSocket(`ws://127.0.0.1:${lane.state.port}/o/chat/${id}`, {
    perMessageDeflate: lane.random.chance(0.5),
    maxPayload: 16 * 1024 * 1024,
  });
  const received = [];
  let wake = () => {};
  const closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
  socket.on('message', (data, binary) => {
    received.push({ data, binary });
    wake();
  });
  closed.then(() => wake());
  await new Promise((resolve, reject) => {
    socket.once('open', resolve).once('error', (error) => reject(new Broken('reset', error.message)));
  });
  socket.on('error', () => {});
  answered(101);
  const next = async () => {
    const end = performance.now() + PATIENCE_MS;
    while (received.length === 0) {
      if (socket.readyState !== WebSocket.OPEN) throw new Broken('end', 'in a WebSocket conversation');
      if (performance.now() > end) throw new Wrong('waited in vain for a message');
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1000);
      });
    }
    return received.shift();
  };
  return { socket, next, closed };
}

async function talk(lane) {
  const id = lane.id();
  const { socket, next, closed } = await join(lane, id);
  const messages = Array.from({ length: lane.random.between(1, 8) }, (_, at) => ({
    data: contentOf(`${id}/${at}`, lane.random.pick([0, 1, 125, 126, 5000, 65_536, 200_000])),
    binary: lane.random.chance(0.5),
  }));
  for (const { data, binary } of messages) socket.send(data, { binary });
  for (const { data, binary } of messages) {
    const echo = await next();
    check(echo.binary === binary && data.equals(echo.data), `another message than that of ${id}`);
  }
  socket.close(4000 + lane.random.below(100), 'done');
  const code = await closed;
  if (code === 1006) throw new Broken('end', 'without a close frame');
  check(code >= 4000, `closed with ${code}`);
}

async function leave(lane) {
  const { socket } = await join(lane, lane.id());
  for (let at = lane.random.below(5); at > 0; at -= 1) socket.send(Buffer.alloc(lane.random.below(300_000)));
  await new Promise((resolve) => setTimeout(resolve, lane.random.below(20)));
  socket.terminate();
}

export const sockets = [
  { name: 'WebSocket', weight: 3, on: native, run: talk },
  { name: 'WebSocket that goes away', weight: 1, on: native, run: leave },
];
