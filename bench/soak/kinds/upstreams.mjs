// Requests to upstreams that break every rule, and what must come of them: 502, 504, or an answer that cannot be taken for whole.
import { check, checkRefusal, checkStatus, requestBytes } from '../lane.mjs';
import { breaks } from '../origin-breaks.mjs';
import { Broken } from '../wire.mjs';

const broken =
  (how, { status, code, mute, broken: breaksOff }) =>
  async (lane) => {
    const endpoint = mute ? 'mute' : 'bad';
    const id = lane.id();
    const body = lane.random.chance(0.3) ? { method: 'POST', body: Buffer.from('hello') } : {};
    const request = { target: `/o/${endpoint}/${how}/${id}`, ...body };
    if (breaksOff) return breakingOff(lane, endpoint, request);
    const answer = await lane.exchange({ endpoint, ...request });
    if (status !== undefined) return checkRefusal(answer, status, code);
    checkStatus(answer, 200);
    check(answer.body.toString() === id, `the answer of ${answer.body.toString('latin1', 0, 40)} for ${id}`);
  };

/** What began is broken off; when it broke before anything of it went out, 502, 504 or nothing is as good. */
async function breakingOff(lane, endpoint, request) {
  const wire = await lane.open();
  const answered = lane.begin(endpoint);
  wire.send(requestBytes(request));
  let answer;
  try {
    answer = await lane.answer(wire, answered, { mayBreak: true });
  } catch (error) {
    if (error instanceof Broken) return;
    throw error;
  }
  if (answer.status === 502) return checkRefusal(answer, 502, 'upstream_closed', 'upstream_protocol');
  // Before its head was passed on, the clock of the route ran out.
  if (answer.status === 504 && endpoint === 'mute') return checkRefusal(answer, 504, 'upstream_timeout');
  checkStatus(answer, 200);
  check(!answer.complete, 'half an answer was taken for whole');
}

async function nobody(lane) {
  const answer = await lane.exchange({ endpoint: 'dead', target: `/o/dead/${lane.id()}` });
  checkRefusal(answer, 502, 'connect_failed');
}

export const upstreams = [
  ...Object.entries(breaks).map(([how, fault]) => ({
    name: `upstream: ${how}`,
    weight: 1,
    run: broken(how, fault),
  })),
  { name: 'upstream: nobody', weight: 1, run: nobody },
];
