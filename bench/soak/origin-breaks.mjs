// What an upstream can do wrong, each with what a client must get for it; it answers nothing rightly but what stands before the fault.

/** An answer that is good as far as it goes. */
const good = (id) => `HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`;
const head = (lines) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/**
 * By the word in the path. `status`: what the gateway answers instead. `broken`: the answer begins with 200 and
 * breaks off. `good`: the client gets the right answer all the same. `mute`: what comes must come of a clock. `act` is
 * done to the upstream's connection.
 */
export const breaks = {
  reset: { status: 502, code: 'upstream_closed', act: (socket) => socket.resetAndDestroy() },
  close: { status: 502, code: 'upstream_closed', act: (socket) => socket.end() },
  garbage: {
    status: 502,
    code: 'upstream_protocol',
    act: (socket) => socket.write('HTTP/1.1 nonsense\r\n\r\n'),
  },
  'two-lengths': says(() => `${head(['Content-Length: 5', 'Content-Length: 6'])}hello`),
  'two-framings': says(() => `${head(['Content-Length: 5', 'Transfer-Encoding: chunked'])}0\r\n\r\n`),
  'nul-in-a-field': says(() => head(['X-A: b\0c', 'Content-Length: 0'])),
  'a-huge-head': says(() => head([`X-A: ${'b'.repeat(1_000_000)}`, 'Content-Length: 0'])),
  'a-flood-of-1xx': says(() => `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)}`),
  'unasked-101': says(() => 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
  'silent-head': { mute: true, status: 504, code: 'upstream_timeout', act: () => {} },
  'half-a-head': {
    mute: true,
    status: 504,
    code: 'upstream_timeout',
    act: (socket) => socket.write('HTTP/1.1 200 OK\r\nX-'),
  },
  'silent-body': {
    mute: true,
    broken: true,
    act: (socket) => socket.write(`${head(['Content-Length: 100'])}half`),
  },
  'short-body': { broken: true, act: (socket) => socket.end(`${head(['Content-Length: 100'])}half`) },
  'reset-body': {
    broken: true,
    act: (socket) =>
      socket.write(`${head(['Content-Length: 100'])}half`, () => later(() => socket.resetAndDestroy())),
  },
  'bad-chunk': {
    broken: true,
    act: (socket) => socket.write(`${head(['Transfer-Encoding: chunked'])}4\r\nhalf\r\nzz\r\n`),
  },
  'more-than-said': { good: true, act: (socket, id) => socket.write(`${good(id)}${good('another')}`) },
  'until-the-end': { good: true, act: (socket, id) => socket.end(`HTTP/1.0 200 OK\r\n\r\n${id}`) },
};

function says(text) {
  return { status: 502, code: 'upstream_protocol', act: (socket, id) => socket.write(text(id)) };
}

/** So that what was written before is not lost with the connection. */
function later(act) {
  setTimeout(act, 20);
}

export function breakRules(how, request, id) {
  const { socket } = request;
  request.resume();
  breaks[how].act(socket, id);
}
