// Slow clients in a process of their own, of the kinds of slowhttptest: a head (-H) or a body (-B) that never ends, an answer that nobody reads (-X).
import { connect } from 'node:net';

const { port, kind, count, target, everyMs = 1000, wholeBytes = 0 } = JSON.parse(process.argv[2] ?? '{}');

const kinds = {
  header: { first: `GET ${target} HTTP/1.1\r\nHost: slow.test\r\n`, more: 'X-a: b\r\n' },
  body: { first: `POST ${target} HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 8192\r\n\r\n`, more: 'x' },
  read: { first: `GET ${target} HTTP/1.1\r\nHost: slow.test\r\n\r\n`, more: '' },
};
const { first, more } = kinds[kind];
const open = new Set();
const outcomes = {};
let started = 0;
let opened = 0;
let left = count;

function one() {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  let broke = 'silence';
  let received = 0;
  let drip;
  socket.on('connect', () => {
    opened += 1;
    open.add(socket);
    socket.write(first);
    if (more === '') socket.pause();
    else drip = setInterval(() => socket.write(more), everyMs);
  });
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (answer.length < 64) answer += chunk.toString('latin1', 0, 64);
  });
  socket.on('error', (error) => {
    broke = error.code;
  });
  socket.on('close', () => {
    clearInterval(drip);
    open.delete(socket);
    const what =
      kind === 'read' ? (received < wholeBytes ? 'broken' : 'whole') : answer.slice(9, 12) || broke;
    outcomes[what] = (outcomes[what] ?? 0) + 1;
    left -= 1;
    if (left === 0) process.emit('all');
  });
}

// `end`: readers read on; then, or at once with `cut`, what is still open is waited for or cut.
process.on('message', ({ order }) => {
  if (order === 'count') return process.send({ opened, outcomes });
  const tell = () => process.send({ ended: outcomes }, () => process.exit(0));
  if (left === 0) return tell();
  process.once('all', tell);
  for (const socket of open) {
    if (order === 'cut') socket.destroy();
    else socket.resume();
  }
});

// A few at a time, so that the listening socket's queue takes them all.
const opening = setInterval(() => {
  for (let at = 0; at < 20 && started < count; at += 1) {
    started += 1;
    one();
  }
  if (started === count) clearInterval(opening);
}, 5);
