// A load client in a process of its own: opens many connections, sends one request on each, and counts what comes back.
import { connect } from 'node:net';

const { port, count, target } = JSON.parse(process.argv[2] ?? '{}');
const statuses = {};
const note = (what) => {
  statuses[what] = (statuses[what] ?? 0) + 1;
  if (Object.values(statuses).reduce((sum, n) => sum + n, 0) === count) {
    process.send({ statuses });
    process.disconnect();
  }
};

function one() {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  let done = false;
  const end = (what) => {
    if (done) return;
    done = true;
    note(what);
    socket.destroy();
  };
  socket.on('connect', () => socket.write(`GET ${target} HTTP/1.1\r\nHost: load.test\r\n\r\n`));
  socket.on('error', (error) => end(error.code));
  socket.on('close', () => end('closed'));
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const split = text.indexOf('\r\n\r\n');
    if (split < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
    if (text.length >= split + 4 + length) end(text.slice(9, 12));
  });
}

for (let at = 0; at < count; at += 1) one();
