// The origin behind a gateway that is probed: a bare TCP server that counts, keeps and answers every request that reaches it,
// as the suite asks of a server. It refuses nothing, so that nothing that reaches it stays unseen.
import { createServer } from 'node:net';

/** On every answer of the origin: one without it was made by the gateway. */
export const ORIGIN_FIELD = 'x-origin';

/**
 * `{port, reached, close}`; `reached` holds `{client, line, fields, body, isWhole, isEnded}` in the order of arrival: `client`
 * is the address that the gateway names, null without one; bytes that are no request have an empty `line`.
 */
export async function startOrigin() {
  const reached = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    const connection = new Connection(socket, reached);
    sockets.add(socket);
    socket.setNoDelay(true).on('error', () => {});
    socket.on('data', (chunk) => connection.receive(chunk.toString('latin1')));
    socket.on('close', () => {
      sockets.delete(socket);
      connection.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    reached,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  };
}

class Connection {
  #socket;
  #reached;
  #text = '';
  #current = null;
  /** Bytes of the body that are still to come, or `chunked`. */
  #left = 0;

  constructor(socket, reached) {
    this.#socket = socket;
    this.#reached = reached;
  }

  receive(text) {
    this.#text += text;
    while ((this.#current !== null || this.#head()) && this.#body()) {
      const request = this.#current;
      request.isWhole = true;
      this.#current = null;
      answer(this.#socket, request);
    }
  }

  end() {
    if (this.#current !== null) this.#current.isEnded = true;
    else if (this.#text !== '') this.#reached.push({ ...requestOf('', []), body: this.#text, isEnded: true });
  }

  #head() {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [line, ...lines] = this.#text.slice(0, end).split('\r\n');
    this.#text = this.#text.slice(end + 4);
    const request = requestOf(line, lines.map(fieldOf));
    const isChunked = fieldValue(request.fields, 'transfer-encoding') !== undefined;
    this.#left = isChunked ? 'chunked' : Number(fieldValue(request.fields, 'content-length') ?? 0);
    if (fieldValue(request.fields, 'expect') !== undefined && !line.endsWith('/1.0'))
      this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    this.#current = request;
    this.#reached.push(request);
    return true;
  }

  /** Takes what there is of the body; true when that is all of it. */
  #body() {
    if (this.#left === 'chunked') return this.#chunks();
    const taken = this.#text.slice(0, this.#left);
    this.#text = this.#text.slice(taken.length);
    this.#current.body += taken;
    this.#left -= taken.length;
    return this.#left === 0;
  }

  #chunks() {
    for (;;) {
      const last = /^0+[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(this.#text);
      if (last !== null) {
        this.#text = this.#text.slice(last[0].length);
        return true;
      }
      const line = /^([0-9a-f]+)[^\r\n]*\r\n/i.exec(this.#text);
      const end = line === null ? 0 : line[0].length + Number.parseInt(line[1], 16);
      if (line === null || end === line[0].length || this.#text.length < end + 2) return false;
      this.#current.body += this.#text.slice(line[0].length, end);
      this.#text = this.#text.slice(end + 2);
    }
  }
}

function requestOf(line, fields) {
  const forwarded = fieldValue(fields, 'x-forwarded-for');
  return {
    client: forwarded?.split(',').at(-1).trim() ?? null,
    line: line.replace(/ HTTP\/1\.[01]$/, ''),
    isOld: line.endsWith('/1.0'),
    fields,
    body: '',
    isWhole: false,
    isEnded: false,
  };
}

function fieldOf(line) {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

const fieldValue = (fields, name) => fields.find((field) => field[0].toLowerCase() === name)?.[1];

const ALLOW = 'Allow: GET, HEAD, POST, OPTIONS\r\n';

function answer(socket, request) {
  const [method] = request.line.split(' ');
  const [status, more, body] = answerTo(method, request);
  const head = [
    `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\nX-Origin: 1\r\n${more}`,
    status.startsWith('204') ? '' : `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n`,
    request.isOld ? 'Connection: close\r\n' : '',
  ].join('');
  socket.write(Buffer.from(`${head}\r\n${method === 'HEAD' ? '' : body}`, 'latin1'));
  if (request.isOld) socket.end();
}

/** `/echo` gives the fields and `/cookie` the cookies, a line each; else POST gives the body back, and GET says OK. */
function answerTo(method, { line, fields, body }) {
  const [path] = (line.split(' ')[1] ?? '').split('?');
  if (path === '/echo') return ['200 OK', '', fields.map(([name, value]) => `${name}: ${value}\n`).join('')];
  if (path === '/cookie') return ['200 OK', '', cookiesIn(fields)];
  if (method === 'GET' || method === 'HEAD') return ['200 OK', '', 'OK'];
  if (method === 'POST') return ['200 OK', '', body];
  if (method === 'OPTIONS') return ['204 No Content', ALLOW, ''];
  return ['405 Method Not Allowed', ALLOW, 'this method is not served'];
}

function cookiesIn(fields) {
  return fields
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .flatMap(([, value]) => value.split(';'))
    .map((pair) => `${pair.trim()}\n`)
    .join('');
}
