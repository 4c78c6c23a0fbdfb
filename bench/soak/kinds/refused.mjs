// Sound requests that must be refused, each with its status and code; the upstream faults whatever of them reaches it.
import { TINY_BYTES } from '../config.mjs';
import { check, checkRefusal, requestBytes } from '../lane.mjs';

const native = ['native', 'loop'];
/** The address of clients whose tokens are bad: what they use up is not missing to good ones, and they may be told that it is used up. */
const STRANGER = '127.0.0.9';
/** Tells the upstream that it must not see this request. */
const REFUSED = 'X-Refused: 1';

/** `make(lane)` gives the request; nothing of it may reach the upstream. */
const refusal = (status, code, endpoint, make) => async (lane) => {
  const { lines = [], from, ...request } = make(lane);
  const answer = await lane.exchange({ endpoint, from, lines: [...lines, REFUSED], ...request });
  const isTired = answer.status === 429 && from === STRANGER;
  if (isTired) checkRefusal(answer, 429, 'token_failures');
  else checkRefusal(answer, status, code);
  return answer;
};

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A token that is well-formed and whose signature is made up. */
const madeUp = (header) =>
  `${encoded({ alg: 'RS256', ...header })}.${encoded({ iss: 'a', exp: 4e9 })}.${'A'.repeat(342)}`;

/** `change(token, lane)`: what stands in the place of a good token. */
const badToken = (change) =>
  refusal(401, 'token_invalid', 'me', (lane) => {
    const { token } = lane.random.pick(lane.state.tokens.good);
    const lines = [`Authorization: Bearer ${change(token, lane)}`];
    return { from: STRANGER, target: `/o/me/${lane.id()}`, lines };
  });

function forged(token, lane) {
  const at = token.lastIndexOf('.') + 1 + lane.random.below(300);
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}

/** A token of a key that is no longer published, as soon as there is one. */
function retired(token, lane) {
  const old = lane.state.tokens.retired;
  return old.length === 0 ? `${token}x` : lane.random.pick(old).token;
}

const withToken = (name) => (lane) => ({
  target: `/o/me/${lane.id()}`,
  lines: [`Authorization: Bearer ${lane.state.tokens[name]}`],
});

async function notAllowed(lane) {
  const make = () => ({ method: 'POST', target: `/o/read/${lane.id()}`, body: Buffer.from('a') });
  const answer = await refusal(405, 'method_not_allowed', 'unmatched', make)(lane);
  check(answer.header('allow') === 'GET, HEAD, OPTIONS', `Allow: ${answer.header('allow')}`);
}

/** Chunks do not tell how long they will be: what is too long breaks off on its way. */
async function tooManyChunks(lane) {
  const [id, wire] = [lane.id(), await lane.open()];
  const answered = lane.begin('tiny');
  const lines = ['Transfer-Encoding: chunked'];
  wire.send(requestBytes({ method: 'POST', target: `/o/tiny/${id}`, lines }));
  wire.send('5\r\nhello\r\n');
  await lane.pause(lane.random.below(20));
  wire.send('5\r\nthere\r\n0\r\n\r\n');
  const answer = await lane.answer(wire, answered);
  checkRefusal(answer, 413, 'body_too_large');
  await lane.settle(wire, answer, { closes: true });
}

const upgrade = (version, key) => (lane) => ({
  fresh: true,
  target: `/o/chat/${lane.id()}`,
  lines: [
    'Connection: upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Version: ${version}`,
    `Sec-WebSocket-Key: ${key}`,
  ],
});

export const refused = [
  {
    name: '401 without a token',
    weight: 2,
    run: refusal(401, 'token_missing', 'me', (lane) => ({ target: `/o/me/${lane.id()}` })),
  },
  { name: '401 for a changed signature', weight: 2, run: badToken(forged) },
  { name: '401 for an unknown key', weight: 2, run: badToken((_, lane) => madeUp({ kid: lane.id() })) },
  { name: '401 for no algorithm', weight: 1, run: badToken(() => madeUp({ alg: 'none' })) },
  {
    name: '401 for what is no token',
    weight: 1,
    run: badToken((_, lane) => 'a.b'.repeat(lane.random.below(9) + 1)),
  },
  { name: '401 for a token that is too long', weight: 1, run: badToken(() => 'a'.repeat(9000)) },
  { name: '401 for a retired key', weight: 1, run: badToken(retired) },
  { name: '401 for an expired token', weight: 1, run: badToken((_, lane) => lane.state.tokens.expired) },
  { name: '401 for another audience', weight: 1, run: badToken((_, lane) => lane.state.tokens.foreign) },
  { name: '403', weight: 2, run: refusal(403, 'insufficient_scope', 'me', withToken('unscoped')) },
  {
    name: '404',
    weight: 2,
    run: refusal(404, 'route_not_found', 'unmatched', (lane) => ({ target: `/nowhere/${lane.id()}` })),
  },
  { name: '405', weight: 2, run: notAllowed },
  {
    name: '400 for a doubtful path',
    weight: 2,
    run: refusal(400, 'ambiguous_path', 'unmatched', (lane) => ({ target: `/o/small/${lane.id()}%2fa` })),
  },
  {
    name: '413 by its length',
    weight: 2,
    run: refusal(413, 'body_too_large', 'tiny', (lane) => {
      const body = Buffer.alloc(TINY_BYTES + lane.random.between(1, 100_000));
      return { method: 'POST', target: `/o/tiny/${lane.id()}`, body, closes: true };
    }),
  },
  { name: '413 in chunks', weight: 2, on: native, run: tooManyChunks },
  {
    name: '411',
    weight: 2,
    on: ['uws'],
    run: refusal(411, 'length_required', 'unmatched', (lane) => {
      const lines = ['Transfer-Encoding: chunked'];
      return { method: 'POST', target: `/o/upload/${lane.id()}`, lines, closes: true };
    }),
  },
  {
    name: '417',
    weight: 1,
    on: native,
    run: refusal(417, 'malformed_request', 'unmatched', (lane) => {
      const lines = ['Expect: miracles', 'Content-Length: 5'];
      return { method: 'POST', target: `/o/upload/${lane.id()}`, lines, closes: true };
    }),
  },
  {
    name: '426',
    weight: 1,
    on: native,
    run: refusal(426, 'websocket_version', 'chat', upgrade(12, 'dGhlIHNhbXBsZSBub25jZQ==')),
  },
  {
    name: '400 for a handshake without a key',
    weight: 1,
    on: native,
    run: refusal(400, 'websocket_invalid', 'chat', upgrade(13, 'short')),
  },
];
