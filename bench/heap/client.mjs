// A closed-loop client on raw sockets for heap measurements: it only counts answers, in order not to need a load generator.
import { connect } from 'node:net';

const CONNECTIONS = 16;

/**
 * Sends `count` GET requests for `path` over keep-alive connections; resolves when all are answered with 200 and `body`, rejects on
 * anything else.
 */
export async function sendRequests({ port, path, token, body, count }) {
  const text = `GET ${path} HTTP/1.1\r\nhost: api.test\r\nuser-agent: heap\r\naccept: */*\r\nauthorization: Bearer ${token}\r\n\r\n`;
  const work = { left: count, request: Buffer.from(text), end: `\r\n\r\n${body}` };
  await Promise.all(Array.from({ length: CONNECTIONS }, () => connection(port, work)));
}

function connection(port, work) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const next = () => {
      work.left -= 1;
      if (work.left < 0) socket.end();
      else socket.write(work.request);
    };
    socket.setNoDelay(true).setEncoding('latin1');
    socket.once('connect', next).once('error', reject).once('close', resolve);
    socket.on('data', (chunk) => {
      answer += chunk;
      if (!answer.startsWith('HTTP/1.1 200 '.slice(0, answer.length)))
        socket.destroy(new Error(answer.slice(0, 200)));
      if (!answer.endsWith(work.end)) return;
      answer = '';
      next();
    });
  });
}
