// What the counting upstream answers: `origin`, or what the query `?answer=NAME` asks for; some of it breaks the rules.
import type { Socket } from 'node:net';

const ok = 'HTTP/1.1 200 OK\r\n';

/** Answers by name, sent when the request is complete. */
const scripts: Readonly<Record<string, (socket: Socket) => void>> = {
  chunked: (socket) =>
    socket.write(`${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nori\r\n3;a=b\r\ngin\r\n0\r\nX-Late: 1\r\n\r\n`),
  'until-close': (socket) => socket.end(`${ok}\r\norigin`),
  'no-content': (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
  'not-modified': (socket) => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'),
  interim: (socket) =>
    socket.write(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}Content-Length: 6\r\n\r\norigin`,
    ),
  'hop-by-hop': (socket) =>
    socket.write(
      `${ok}Connection: keep-alive, X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTrailer: X-Late\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 6\r\n\r\norigin`,
    ),
  own: (socket) =>
    socket.write(
      `${ok}X-Trace-ID: forged\r\nRateLimit: forged\r\nX-Kept: 1\r\nContent-Length: 6\r\n\r\norigin`,
    ),
  short: (socket) => socket.end(`${ok}Content-Length: 60\r\n\r\norigin`),
  'short-chunked': (socket) => socket.end(`${ok}Transfer-Encoding: chunked\r\n\r\n6\r\norigin\r\n`),
  'both-framings': (socket) =>
    socket.write(`${ok}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n6\r\norigin\r\n0\r\n\r\n`),
  'two-lengths': (socket) => socket.write(`${ok}Content-Length: 6\r\nContent-Length: 7\r\n\r\norigin!`),
  'bad-status': (socket) => socket.write('HTTP/1.1 2x0 OK\r\nContent-Length: 6\r\n\r\norigin'),
  'nul-value': (socket) => socket.write(`${ok}X-A: a\0b\r\nContent-Length: 6\r\n\r\norigin`),
  folded: (socket) => socket.write(`${ok}X-A: a\r\n b\r\nContent-Length: 6\r\n\r\norigin`),
  switching: (socket) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n'),
  'long-head': (socket) => socket.write(`${ok}X-A: ${'a'.repeat(70_000)}\r\nContent-Length: 6\r\n\r\norigin`),
  'bytes-after': (socket) =>
    socket.write(`${ok}Content-Length: 6\r\n\r\norigin${ok}Content-Length: 6\r\n\r\nforged`),
  nothing: (socket) => socket.destroy(),
};

/** Answers `request` if now is the time: some answers come as soon as the head is there. */
export function originAnswer(socket: Socket, request: { line: string }, complete: boolean): void {
  const [method] = request.line.split(' ');
  const name = /[?&]answer=([a-z-]+)/.exec(request.line)?.[1];
  if (name === 'early') {
    if (!complete) socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\norigin');
    return;
  }
  if (!complete) return;
  const script = name === undefined ? undefined : scripts[name];
  if (script !== undefined) script(socket);
  else
    socket.write(
      `${ok}Content-Type: text/plain\r\nX-Origin: 1\r\nContent-Length: 6\r\n\r\n${method === 'HEAD' ? '' : 'origin'}`,
    );
}
