// Keep-alive connections that ask once and then say nothing; it measures nothing.
import { connect } from 'node:net';

/** Connections that ask at a time, so that the target needs few upstream connections. */
const AT_A_TIME = 64;

/**
 * `open(count)` brings the open connections to `count`, each answered once; `lost()` counts those that the server ended;
 * `close()` ends all.
 */
export function holdIdle({ port, path, token }) {
  const text = `GET ${path} HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const sockets = new Set();
  let lost = 0;
  const one = async () => {
    const socket = await ask(port, text);
    sockets.add(socket);
    socket.once('close', () => {
      if (sockets.delete(socket)) lost += 1;
    });
  };
  const worker = async (todo) => {
    while (todo.left > 0) {
      todo.left -= 1;
      await one();
    }
  };
  return {
    open: (count) => {
      const todo = { left: count - sockets.size };
      return Promise.all(Array.from({ length: AT_A_TIME }, () => worker(todo)));
    },
    lost: () => lost,
    close: () => {
      const all = [...sockets];
      sockets.clear();
      for (const socket of all) socket.destroy();
    },
  };
}

/** Resolves with the socket when a whole answer with 200 and a length has come. */
function ask(port, text) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const closed = () => reject(new Error(`closed before an answer: ${answer.slice(0, 100)}`));
    socket.setEncoding('latin1').once('error', reject).once('close', closed);
    socket.once('connect', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk;
      const head = answer.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, head));
      const isWhole = length !== null && answer.length === head + 4 + Number(length[1]);
      if (!answer.startsWith('HTTP/1.1 200 ') || length === null) {
        socket.destroy(new Error(`not an answer: ${answer.slice(0, 100)}`));
      } else if (isWhole) {
        socket.removeAllListeners('data').removeListener('close', closed).removeListener('error', reject);
        // Without a reader a socket that the server ends would not be seen to close.
        socket.on('error', () => {}).resume();
        resolve(socket);
      }
    });
  });
}
