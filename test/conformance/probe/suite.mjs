// Runs the cases of the public suite Http11Probe against a gateway with the counting origin behind it, all at once, and tells what
// came of each. Linux: each case has a client address of its own, by which the origin knows whose request reached it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { send } from './client.mjs';
import { ORIGIN_FIELD } from './origin.mjs';
import { judge } from './rules.mjs';

export { startOrigin } from './origin.mjs';
export { judge } from './rules.mjs';

/** `{id, about, clause, level, scored, payload, rule}`; source and licence stand in the file. */
export const { cases } = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'));

/** How long what a closed client leaves behind may take to end at the origin. */
const SETTLE_MS = 5000;

/**
 * The results in the order of the cases:
 * `{id, level, scored, verdict, seen, isRefused, reached, parts}`: `seen` in words; `isRefused` when no answer of the origin came;
 * `reached` the whole requests that the origin got of it, `parts` those that broke off, as lines.
 * `strays` are requests that no case can have sent.
 */
export async function runProbe({ port, origin }) {
  const sent = await Promise.all(
    cases.map(({ payload }, index) =>
      send({ port, address: addressOf(index), payload: payload.replaceAll('@HOST@', `127.0.0.1:${port}`) }),
    ),
  );
  await settle(port, origin);
  const results = cases.map((one, index) =>
    resultOf(
      one,
      sent[index],
      origin.reached.filter(({ client }) => client === addressOf(index)),
    ),
  );
  const known = new Set(cases.map((_, index) => addressOf(index)));
  const strays = origin.reached
    .filter(({ client, line }) => !known.has(client) && line !== BARRIER)
    .map(({ line, body }) => line || body);
  return { results, strays };
}

const addressOf = (index) => `127.1.${index >> 7}.${(index & 127) + 1}`;

function resultOf({ id, level, scored, rule }, seen, requests) {
  const whole = requests.filter(({ isWhole }) => isWhole).map(textOf);
  const parts = requests.filter(({ isWhole }) => !isWhole).map(textOf);
  return {
    id,
    level,
    scored,
    verdict: judge(rule, seen),
    seen: inWords(seen) + (whole.length > 0 ? `; upstream: ${whole.join(', ')}` : ''),
    isRefused: seen.answer === null ? !seen.isBare : !seen.answer.fields.has(ORIGIN_FIELD),
    reached: whole,
    parts,
  };
}

const textOf = ({ line, body }) => (body === '' ? line : `${line} with ${body.length} bytes`);

/** `505 HTML` is a page, not the configured error format. */
function inWords({ interim, answer, others, isBare, isClosed }) {
  const page = answer?.body.startsWith('<h') ? ' HTML' : '';
  const none = isBare ? 'a body without a head' : 'no answer';
  const first = answer === null ? none : `${answer.status}${page}`;
  return [...interim, first, ...others, isClosed ? 'closed' : 'open'].join(', ');
}

const BARRIER = 'GET /barrier';

/** Everything that the clients sent has reached the origin or never will: a request sent now has, and parts have ended. */
async function settle(port, origin) {
  await send({
    port,
    address: '127.0.0.1',
    payload: `${BARRIER} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
  });
  const isOpen = ({ isWhole, isEnded }) => !isWhole && !isEnded;
  for (const end = Date.now() + SETTLE_MS; origin.reached.some(isOpen) && Date.now() < end; ) await sleep(5);
}

/** Counts of results: allowed Must cases, allowed scored ones, and refused requests that reached the origin whole. */
export function score(results) {
  const allowed = (some) => some.filter(({ verdict }) => verdict !== 'fail').length;
  const musts = results.filter(({ level }) => level === 'Must');
  const scored = results.filter((one) => one.scored);
  return {
    must: allowed(musts),
    musts: musts.length,
    scored: allowed(scored),
    scoreds: scored.length,
    leaked: results.filter(hasLeaked).map(({ id }) => id),
    doubled: results.filter(({ reached }) => reached.length > 1).map(({ id }) => id),
  };
}

/** Refused or unanswered by the gateway, and the origin got a whole request of it all the same. */
export function hasLeaked({ isRefused, reached }) {
  return isRefused && reached.length > 0;
}
