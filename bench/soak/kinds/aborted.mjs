// Clients that go away at every point of an exchange, politely or not. None of them is told anything; what they leave behind is
// looked for when the traffic is over, and the upstream faults a body that it takes for whole.
import { requestBytes } from '../lane.mjs';
import { contentOf } from '../random.mjs';

/** Breaks the connection, ends it, or ends the client's side and waits for what comes. */
async function leave(lane, wire) {
  const how = lane.random.pick(['reset', 'close', 'finish']);
  // What still comes is not read: it may be without end.
  wire.pause();
  wire[how]();
  if (how === 'finish') await lane.pause(lane.random.below(500));
}

async function atOnce(lane) {
  await leave(lane, await lane.open());
}

async function inHead(lane) {
  const wire = await lane.open();
  lane.begin('unmatched');
  const head = requestBytes({ target: `/a/small/${lane.id()}`, lines: ['X-A: b'] });
  wire.send(head.subarray(0, lane.random.below(head.length)));
  await lane.pause(lane.random.below(20));
  await leave(lane, wire);
}

/** The body that is announced never comes whole. */
const inBody = (endpoint, path) => async (lane) => {
  const [id, size, wire] = [lane.id(), lane.random.between(2, 300_000), await lane.open()];
  lane.begin(endpoint);
  const isChunked = lane.isNative && lane.random.chance(0.5);
  const lines = [isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`];
  wire.send(requestBytes({ method: 'POST', target: `${path}/${id}?size=${size}`, lines }));
  const part = contentOf(id, size).subarray(0, lane.random.below(size));
  if (isChunked) wire.send(`${size.toString(16)}\r\n`);
  wire.send(part);
  await lane.pause(lane.random.below(40));
  await leave(lane, wire);
};

/** The request is whole and its answer does not begin. */
const waiting = (endpoint, path) => async (lane) => {
  const wire = await lane.open();
  lane.begin(endpoint);
  wire.send(requestBytes({ target: `${path}/${lane.id()}` }));
  await lane.pause(lane.random.below(100));
  await leave(lane, wire);
};

/** The request waits for the keys of a token that nobody signed. */
async function parked(lane) {
  const wire = await lane.open('127.0.0.9');
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'RS256', kid: lane.id() })}.${part({ exp: 4e9 })}.${'A'.repeat(342)}`;
  lane.begin('abort-me');
  wire.send(requestBytes({ target: `/am/me/${lane.id()}`, lines: [`Authorization: Bearer ${token}`] }));
  await lane.pause(lane.random.below(10));
  await leave(lane, wire);
}

const inAnswer =
  (endpoint, path, query = '') =>
  async (lane) => {
    const wire = await lane.open();
    lane.begin(endpoint);
    wire.send(requestBytes({ target: `${path}/${lane.id()}${query}` }));
    await wire.received(lane.random.between(1, 200_000));
    await leave(lane, wire);
  };

async function betweenAnswers(lane) {
  const wire = await lane.open();
  const requests = Array.from({ length: lane.random.between(2, 10) }, () => {
    lane.begin('abort');
    return requestBytes({ target: `/a/small/${lane.id()}` });
  });
  wire.send(Buffer.concat(requests));
  await wire.received(lane.random.between(1, 1000));
  await leave(lane, wire);
}

export const aborted = [
  { name: 'gone at once', weight: 1, run: atOnce },
  { name: 'gone in the head', weight: 2, run: inHead },
  { name: 'gone in the body', weight: 3, run: inBody('abort', '/a/upload') },
  { name: 'gone in the body for a handler', weight: 3, run: inBody('js-abort-pipe', '/ja/pipe') },
  { name: 'gone while the upstream works', weight: 2, run: waiting('abort', '/a/hold') },
  { name: 'gone while a handler works', weight: 2, run: waiting('js-hold', '/ja/hold') },
  { name: 'gone while it waits for keys', weight: 2, run: parked },
  { name: 'gone in the answer', weight: 2, run: inAnswer('abort', '/a/endless') },
  { name: 'gone in the answer, whole or not', weight: 2, run: inAnswer('abort', '/a/large', '?size=100000') },
  { name: 'gone in the answer of a handler', weight: 2, run: inAnswer('js-endless', '/ja/endless') },
  { name: 'gone between pipelined answers', weight: 2, run: betweenAnswers },
];
