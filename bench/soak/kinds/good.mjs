// Requests that must be answered, each with something in its answer that proves whose it is.
import { BAD, BURSTS, clocks, REFILL_MS, TOGGLES } from '../config.mjs';
import { check, checkOwn, checkRefusal, checkStatus, requestBytes } from '../lane.mjs';
import { contentOf, isContentOf } from '../random.mjs';

const native = ['native', 'loop'];

async function small(lane) {
  const id = lane.id();
  const answer = await lane.exchange({ endpoint: 'small', target: `/o/small/${id}` });
  checkOwn(answer, id);
  check(answer.header('x-id') === id, `the field of ${answer.header('x-id')}`);
}

async function head(lane) {
  const id = lane.id();
  const answer = await lane.exchange({ endpoint: 'small', method: 'HEAD', target: `/o/small/${id}` });
  checkStatus(answer, 200);
  check(answer.header('x-id') === id, `the field of ${answer.header('x-id')}`);
}

async function sized(lane) {
  const [id, size] = [lane.id(), lane.random.pick([0, 1, 16_384, 65_537, 300_000])];
  const answer = await lane.exchange({ endpoint: 'large', target: `/o/large/${id}?size=${size}` });
  checkStatus(answer, 200);
  check(isContentOf(answer.body, id, size), `${answer.body.length} bytes that are not the ${size} of ${id}`);
}

/** Of the upstream or of a handler, of unknown length. */
const streamed = (endpoint, path) => async (lane) => {
  const [id, size, count] = [lane.id(), lane.random.below(200_000), lane.random.between(1, 20)];
  const answer = await lane.exchange({ endpoint, target: `${path}/${id}?size=${size}&count=${count}` });
  checkStatus(answer, 200);
  check(isContentOf(answer.body, id, size), `${answer.body.length} bytes that are not the ${size} of ${id}`);
};

/** The framing of a body as a client may choose it. uWebSockets.js is left to refuse chunks. */
function framed(lane, body) {
  if (!lane.isNative || lane.random.chance(0.5)) return { body };
  const chunks = [];
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + lane.random.between(1, 30_000));
    chunks.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  return {
    lines: ['Transfer-Encoding: chunked'],
    sent: Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]),
  };
}

/** A body that the other end compares with what it must be; sent whole, or in pieces that the machine cuts as it likes. */
const upload = (endpoint, path) => async (lane) => {
  const [id, size] = [lane.id(), lane.random.pick([0, 5, 16_384, 70_000, 400_000])];
  const { lines, sent = Buffer.alloc(0), body } = framed(lane, contentOf(id, size));
  const request = { method: 'POST', target: `${path}/${id}?size=${size}`, lines, body };
  if (body !== undefined && lane.random.chance(0.5)) {
    const answer = await lane.exchange({ endpoint, ...request });
    check(checkOwn(answer, id).same, 'the body arrived changed');
    return;
  }
  const answer = await inPieces(lane, endpoint, Buffer.concat([requestBytes(request), sent]));
  check(checkOwn(answer, id).same, 'the body arrived changed');
};

async function inPieces(lane, endpoint, bytes) {
  const wire = await lane.open();
  const answered = lane.begin(endpoint);
  const step = Math.ceil(bytes.length / lane.random.between(2, 6));
  // uWebSockets.js does not read a head in pieces.
  const head = lane.isNative ? 0 : bytes.indexOf('\r\n\r\n') + 4;
  wire.send(bytes.subarray(0, head));
  for (let at = head; at < bytes.length; at += step) {
    wire.send(bytes.subarray(at, at + step));
    await lane.pause(lane.random.below(10));
  }
  const answer = await lane.answer(wire, answered);
  await lane.settle(wire, answer);
  return answer;
}

/** The answer is the body, while it still comes. */
const piped = (endpoint, path) => async (lane) => {
  const [id, size] = [lane.id(), lane.random.pick([1, 5000, 150_000])];
  const body = contentOf(id, size);
  const answer = await inPieces(
    lane,
    endpoint,
    requestBytes({ method: 'POST', target: `${path}/${id}`, body }),
  );
  checkStatus(answer, 200);
  check(isContentOf(answer.body, id, size), `${answer.body.length} bytes that are not the ${size} of ${id}`);
};

/** Through the token of one of many users to an answer that names this one. */
const known = (endpoint, path) => async (lane) => {
  const id = lane.id();
  const { user, token } = lane.random.pick(lane.state.tokens.good);
  const lines = [`Authorization: Bearer ${token}`, 'X-User: root', 'X_User: root'];
  const answer = await lane.exchange({ endpoint, target: `${path}/${id}`, lines });
  const seen = checkOwn(answer, id).user;
  check(seen === user, `the token of ${user} was taken for ${seen}`);
};

/** A configuration is never older than one that is known to be in force, and never one that was refused. */
async function generation(lane) {
  const [id, applied] = [lane.id(), lane.state.applied];
  const answer = await lane.exchange({ endpoint: 'gen', target: `/o/gen/${id}`, lines: ['X-Gen: 999999'] });
  const { gen } = checkOwn(answer, id);
  check(gen !== BAD, 'a configuration that was refused is in force');
  check(Number(gen) >= applied && Number(gen) < 999_999, `configuration ${gen} after ${applied}`);
}

async function toggled(lane) {
  const [id, route] = [lane.id(), `toggle-${lane.random.below(TOGGLES)}`];
  const endpointOf = ({ status }) => (status === 404 ? 'unmatched' : route);
  const answer = await lane.exchange({ endpoint: route, endpointOf, target: `/o/${route}/${id}` });
  if (answer.status === 404) checkRefusal(answer, 404, 'route_not_found');
  else checkOwn(answer, id);
}

/** Requests in one piece, answered in their order. */
async function pipelined(lane) {
  const wire = await lane.open();
  const batch = Array.from({ length: lane.random.between(2, 8) }, () => pipelinedRequest(lane, lane.id()));
  const answered = batch.map(({ endpoint }) => lane.begin(endpoint));
  wire.send(Buffer.concat(batch.map(({ request }) => requestBytes(request))));
  for (const [at, { judge }] of batch.entries()) {
    const answer = await lane.answer(wire, answered[at]);
    judge(answer);
    if (at < batch.length - 1) check(!answer.closes, 'an answer ends the connection before the next request');
    else await lane.settle(wire, answer);
  }
}

function pipelinedRequest(lane, id) {
  const size = lane.random.below(20_000);
  const content = (answer) => {
    checkStatus(answer, 200);
    check(isContentOf(answer.body, id, size), `not the body of ${id}`);
  };
  const own = (answer) => void checkOwn(answer, id);
  return lane.random.pick([
    { endpoint: 'small', request: { target: `/o/small/${id}` }, judge: own },
    { endpoint: 'large', request: { target: `/o/large/${id}?size=${size}` }, judge: content },
    { endpoint: 'js-stream', request: { target: `/js/stream/${id}?size=${size}&count=3` }, judge: content },
    ...['/o/upload', '/js/echo'].map((path) => ({
      endpoint: path === '/js/echo' ? 'js-echo' : 'upload',
      request: { method: 'POST', target: `${path}/${id}?size=${size}`, body: contentOf(id, size) },
      judge: own,
    })),
  ]);
}

async function oldVersion(lane) {
  const [id, stays] = [lane.id(), lane.random.chance(0.5)];
  const lines = stays ? ['Connection: keep-alive'] : [];
  const request = { target: `/o/small/${id}`, version: '1.0', lines, closes: !stays };
  checkOwn(await lane.exchange({ endpoint: 'small', ...request }), id);
}

async function lastOfConnection(lane) {
  const [id, wire] = [lane.id(), await lane.open()];
  const answered = lane.begin('small');
  wire.send(requestBytes({ target: `/o/small/${id}`, lines: ['Connection: close'] }));
  const answer = await lane.answer(wire, answered);
  checkOwn(answer, id);
  // uWebSockets.js closes without saying so.
  check(answer.closes || !lane.isNative, 'the answer does not say that it is the last');
  check((await wire.ended()) === 'end', 'a reset behind the answer');
}

/** The body follows only when the gateway asks for it. */
async function expecting(lane) {
  const [id, wire] = [lane.id(), await lane.open()];
  const body = contentOf(id, lane.random.between(1, 50_000));
  const lines = ['Expect: 100-continue', `Content-Length: ${body.length}`];
  const target = `/o/upload/${id}?size=${body.length}`;
  const answered = lane.begin('upload');
  wire.send(requestBytes({ method: 'POST', target, lines }));
  await wire.received();
  wire.send(body);
  const answer = await lane.answer(wire, answered);
  check(checkOwn(answer, id).same && answer.interim === 1, `${answer.interim} interim answers`);
  await lane.settle(wire, answer);
}

/** A client that has said all and still listens. */
async function halfClosed(lane) {
  const [id, wire] = [lane.id(), await lane.open()];
  const answered = lane.begin('small');
  wire.send(requestBytes({ target: `/o/small/${id}` })).finish();
  checkOwn(await lane.answer(wire, answered, { patience: clocks.half }), id);
  check((await wire.ended()) === 'end', 'a reset behind the answer');
}

async function preflight(lane) {
  const lines = ['Origin: https://app.soak.test', 'Access-Control-Request-Method: PUT'];
  const answer = await lane.exchange({ endpoint: 'shared', method: 'OPTIONS', target: '/o/shared/a', lines });
  checkStatus(answer, 204);
  check(answer.header('access-control-allow-origin') === 'https://app.soak.test', 'no leave for the origin');
}

async function nothing(lane) {
  const answer = await lane.exchange({ endpoint: 'js-none', target: `/js/none/${lane.id()}` });
  checkStatus(answer, 204);
}

async function thrown(lane) {
  const answer = await lane.exchange({ endpoint: 'js-throw', target: `/js/throw/${lane.id()}` });
  checkRefusal(answer, 500, 'internal_error');
}

/** The handler answers without reading the body. */
async function early(lane) {
  const [id, size] = [lane.id(), lane.random.pick([10, 50_000, 200_000])];
  const body = contentOf(id, size);
  checkOwn(
    await lane.exchange({ endpoint: 'js-early', method: 'POST', target: `/js/early/${id}`, body }),
    id,
  );
}

/** When keys of the limit were used last, by the process: a key is used again only when its bucket must be full. */
const used = new Map();
const KEYS = 512;

/** As many as the smallest bucket holds pass at once, and one more than the largest holds does not. */
async function limited(lane) {
  const key = `${lane.state.name}-${lane.random.below(KEYS)}`;
  const since = performance.now();
  if (since - (used.get(key) ?? -1e9) < REFILL_MS * 6) return;
  const [least, most] = [Math.min(...BURSTS), Math.max(...BURSTS)];
  const lines = [`X-Key: ${key}`];
  let passed = 0;
  for (let at = 0; at <= most; at += 1) {
    used.set(key, performance.now());
    const id = lane.id();
    const answer = await lane.exchange({ endpoint: 'limited', target: `/o/limited/${id}`, lines });
    if (answer.status === 429) {
      checkRefusal(answer, 429, 'rate_limited');
      check(/^\d+$/.test(answer.header('retry-after') ?? ''), 'no Retry-After');
      check(at >= least, `request ${at + 1} of a bucket of ${least} or ${most} was refused`);
    } else {
      checkOwn(answer, id);
      passed += 1;
    }
  }
  const hasRefilled = performance.now() - since > REFILL_MS / 2;
  check(passed <= most || hasRefilled, `${passed} requests passed a bucket of ${most}`);
}

export const good = [
  { name: 'small answer', weight: 10, run: small },
  { name: 'HEAD', weight: 2, run: head },
  { name: 'answer of a length', weight: 4, run: sized },
  { name: 'chunked answer', weight: 4, run: streamed('chunked', '/o/chunked') },
  { name: 'stream of a handler', weight: 3, run: streamed('js-stream', '/js/stream') },
  { name: 'upload', weight: 5, run: upload('upload', '/o/upload') },
  { name: 'upload to a handler', weight: 5, run: upload('js-echo', '/js/echo') },
  { name: 'body passed through', weight: 3, run: piped('pipe', '/o/pipe') },
  { name: 'body passed through a handler', weight: 3, run: piped('js-pipe', '/js/pipe') },
  { name: 'token', weight: 5, run: known('me', '/o/me') },
  { name: 'token for a handler', weight: 3, run: known('js-me', '/js/me') },
  { name: 'configuration in force', weight: 4, run: generation },
  { name: 'route that comes and goes', weight: 4, run: toggled },
  { name: 'pipelined batch', weight: 4, on: native, run: pipelined },
  { name: 'HTTP/1.0', weight: 2, on: native, run: oldVersion },
  { name: 'Connection: close', weight: 2, run: lastOfConnection },
  { name: 'Expect: 100-continue', weight: 2, on: native, run: expecting },
  { name: 'half-closed client', weight: 2, on: native, run: halfClosed },
  { name: 'preflight', weight: 1, run: preflight },
  { name: 'answer without content', weight: 1, run: nothing },
  { name: 'handler that throws', weight: 1, run: thrown },
  { name: 'answer before the body was read', weight: 2, run: early },
  { name: 'limit', weight: 1, run: limited },
];
