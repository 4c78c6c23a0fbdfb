// A load client in a process of its own: keep-alive connections that send one request after the other until told to end; it counts what comes back.
// Every other connection pauses between its requests, for up to `pauseMs`.
import { connect } from 'node:net';

const { port, targets, connections, requestsPerConnection, pauseMs } = JSON.parse(process.argv[2] ?? '{}');
const outcomes = {};
let isEnding = false;
let running = 0;
let asked = 0;

const note = (what) => {
  outcomes[what] = (outcomes[what] ?? 0) + 1;
};

/** One connection after the other, with pauses or without; a new one when the server says `Connection: close` or enough was sent over it. */
function begin(pauses) {
  let left = requestsPerConnection;
  let text = '';
  let isOver = false;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const next = () => {
    isOver = true;
    socket.destroy();
    if (!isEnding) return begin(pauses);
    running -= 1;
    if (running === 0) process.send({ done: outcomes }, () => process.disconnect());
  };
  const ask = () => {
    // Ended by the other side while it paused, which was told already.
    if (isOver) return;
    left -= 1;
    asked += 1;
    socket.write(`GET ${targets[asked % targets.length]} HTTP/1.1\r\nHost: load.test\r\n\r\n`);
  };
  const broken = (what) => {
    if (isOver) return;
    note(what);
    next();
  };
  socket.on('connect', ask);
  socket.on('error', (error) => broken(error.code));
  socket.on('close', () => broken('closed before an answer'));
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const split = text.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
    if (split < 0 || text.length < split + 4 + length) return;
    note(text.slice(9, 12));
    const isLast = /^connection: close/im.test(text.slice(0, split)) || left === 0 || isEnding;
    text = '';
    if (isLast) next();
    else if (pauses) setTimeout(ask, Math.random() * pauseMs);
    else ask();
  });
}

for (; running < connections; running += 1) begin(running % 2 === 1);
process.on('message', (order) => {
  if (order === 'count') process.send({ count: outcomes });
  if (order === 'end') isEnding = true;
});
