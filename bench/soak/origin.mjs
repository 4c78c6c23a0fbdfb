// The upstream of the soak, a process with two ports: it answers with the id it was asked for, breaks every rule where the path says
// so, and tells what it saw that no gateway may let through.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { breakRules } from './origin-breaks.mjs';
import { contentOf, isContentOf } from './random.mjs';

const MAX_FAULTS = 200;
const seen = { requests: 0, connections: 0, open: 0, faults: [] };
/** Connections on which an answer broke the rules: none may be used again. */
const spoilt = new WeakSet();

function fault(text) {
  if (seen.faults.length < MAX_FAULTS) seen.faults.push(text);
}

const json = (response, value, headers = {}) => {
  const body = JSON.stringify(value);
  const framing = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  response.writeHead(200, { ...framing, ...headers }).end(body);
};

/** The whole body, or null when it breaks off. */
async function bodyOf(request) {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return null;
  }
  return request.complete ? Buffer.concat(chunks) : null;
}

/** Reads a body that must be that of the id: one that comes whole and is another was cut or mixed up on its way. */
async function upload({ request, response, id, query, at }) {
  const body = await bodyOf(request);
  if (body === null) return;
  const same = isContentOf(body, id, Number(query.get('size')));
  if (!same) fault(`${request.url}: took ${body.length} bytes for whole that are not the body of ${id}`);
  json(response, { id, same, at });
}

function chunked({ response, id, query }) {
  const [size, count] = [Number(query.get('size')), Number(query.get('count'))];
  const body = contentOf(id, size);
  const step = Math.ceil(size / count);
  let from = 0;
  const next = () => {
    if (response.destroyed) return;
    if (from >= size) return response.end();
    response.write(body.subarray(from, from + step), () => setImmediate(next));
    from += step;
  };
  next();
}

/** Never ends by itself, and waits for who does not read. */
function endless({ response }) {
  const piece = Buffer.alloc(65_536, 'endless;');
  const next = () => {
    if (!response.destroyed) response.write(piece, () => setImmediate(next));
  };
  next();
}

const answers = {
  small: ({ response, id, at }) => json(response, { id, at }, { 'x-id': id }),
  large: ({ response, id, query }) => {
    const size = Number(query.get('size'));
    response.writeHead(200, { 'content-length': size, 'x-id': id }).end(contentOf(id, size));
  },
  chunked,
  upload,
  endless,
  /** Never answers, and reads all that comes. */
  hold: ({ request }) => void request.resume(),
  pipe: ({ request, response }) => void request.on('error', () => response.destroy()).pipe(response),
  me({ request, response, id, at }) {
    const user = request.headers['x-user'];
    if (user === undefined) fault(`${request.url}: a request without a user`);
    json(response, { id, user, at });
  },
  gen: ({ request, response, id }) => json(response, { id, gen: request.headers['x-gen'] }),
  async tiny({ request, response, id }) {
    const body = await bodyOf(request);
    if (body !== null && body.length > 8) fault(`${request.url}: a body over the limit was taken for whole`);
    if (body !== null) json(response, { id });
  },
  bad: ({ request, id, how }) => {
    spoilt.add(request.socket);
    breakRules(how, request, id);
  },
};
for (const name of ['limited', 'shared', 'read']) answers[name] = answers.small;
answers.stall = upload;
answers.mute = answers.bad;

function serve(at) {
  return (request, response) => {
    seen.requests += 1;
    request.on('error', () => {});
    response.on('error', () => {});
    const { socket } = request;
    if (spoilt.has(socket)) fault(`${request.url}: on a connection whose answer broke the rules`);
    if (request.headers['x-forwarded-for'] === undefined) fault(`${request.url}: no X-Forwarded-For`);
    if (request.headers['x-refused'] !== undefined) fault(`${request.url}: a refused request`);
    const url = new URL(request.url, 'http://origin');
    const [, area, kind, ...rest] = url.pathname.split('/');
    if (area === 'public') return fault(`${request.method} ${request.url}: a malformed request`);
    const own = kind === 'bad' || kind === 'mute' ? { how: rest[0], id: rest[1] } : { id: rest[0] };
    const answer = answers[kind] ?? answers.small;
    answer({ request, response, query: url.searchParams, at, ...own });
  };
}

function listen(at, sockets) {
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, serve(at));
  server.on('connection', () => {
    seen.connections += 1;
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {});
    sockets.handleUpgrade(request, socket, head, (chat) => {
      chat.on('error', () => {});
      chat.on('message', (data, binary) => chat.send(data, { binary }));
    });
  });
  return new Promise((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve(server));
  });
}

const chats = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024 });
const servers = await Promise.all(['A', 'B'].map((at) => listen(at, chats)));
const openNow = () =>
  Promise.all(servers.map((server) => new Promise((resolve) => server.getConnections((_, n) => resolve(n)))));

const orders = {
  ports: () => servers.map((server) => server.address().port),
  async report() {
    const open = (await openNow()).reduce((sum, one) => sum + one, 0);
    return { ...seen, open, chats: chats.clients.size };
  },
};
process.on('message', async ({ id, order }) => process.send({ id, value: await orders[order]() }));
process.once('disconnect', () => process.exit(0));
