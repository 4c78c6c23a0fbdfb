// The requests of the conformance table that are refused on their head, one after the other; nothing of them may reach the upstream.
import { readFileSync } from 'node:fs';
import { check, checkRefusal, checkStatus } from '../lane.mjs';

/** Written from test/conformance by test/bench/soak-malformed.test.ts. */
const table = readFileSync(new URL('../malformed.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
/** Behind a request that is refused: nobody knows where that ends, so this must reach nothing. */
const BEHIND = 'GET /public/poison HTTP/1.1\r\nHost: soak.test\r\n\r\n';

/** On a listener of our own every case is refused by us, closed, and counted. */
async function byUs(lane) {
  const { name, send, statuses, codes } = lane.random.pick(table.filter(({ native }) => native));
  const wire = await lane.open();
  const answered = lane.begin('unmatched');
  wire.send(lane.random.chance(0.5) ? send : send + BEHIND);
  const answer = await lane.answer(wire, answered, { head: send.startsWith('HEAD ') });
  check(statuses.includes(answer.status), `${name}: ${answer.status}`);
  checkRefusal(answer, answer.status, ...codes);
  await lane.settle(wire, answer, { closes: true });
}

/** uWebSockets.js answers some of them by itself, with a page that no metric counts. */
async function byLibrary(lane) {
  const { name, send, statuses, codes, uws } = lane.random.pick(table.filter(({ uws }) => uws !== null));
  const wire = await lane.open();
  const answered = lane.begin(uws === 'ours' ? 'unmatched' : null);
  // Of a bad Content-Length we are told, and refuse it; then the library answers with its own page.
  if (uws === 400) lane.begin('unmatched');
  wire.send(send);
  const answer = await lane.answer(wire, answered, { old: true });
  if (uws === 'ours') {
    check(statuses.includes(answer.status), `${name}: ${answer.status}`);
    checkRefusal(answer, answer.status, ...codes);
  } else checkStatus(answer, uws);
  await wire.ended();
}

export const malformed = [
  { name: 'malformed', weight: 1, on: ['native', 'loop'], run: byUs },
  { name: 'malformed', weight: 1, on: ['uws'], run: byLibrary },
];
