// A process of clients: node client.mjs with an IPC channel; the coordinator starts it, tells it what changed, and asks for its book.
import { aborted } from './kinds/aborted.mjs';
import { good } from './kinds/good.mjs';
import { malformed } from './kinds/malformed.mjs';
import { refused } from './kinds/refused.mjs';
import { slow } from './kinds/slow.mjs';
import { sockets } from './kinds/sockets.mjs';
import { upstreams } from './kinds/upstreams.mjs';
import { Lane, newBook } from './lane.mjs';

/** Lanes of one process by what they send, and the mean pause of a lane between two of them. */
const groups = {
  good: { kinds: good, lanes: 24, pauseMs: 40 },
  refused: { kinds: refused, lanes: 6, pauseMs: 40 },
  malformed: { kinds: malformed, lanes: 3, pauseMs: 40 },
  upstreams: { kinds: upstreams, lanes: 8, pauseMs: 60 },
  slow: { kinds: slow, lanes: 24, pauseMs: 100 },
  aborted: { kinds: aborted, lanes: 8, pauseMs: 40 },
  sockets: { kinds: sockets, lanes: 4, pauseMs: 40 },
};

const book = newBook();
let stop;
const state = {
  name: '',
  port: 0,
  listener: '',
  tokens: {},
  /** The newest configuration that is known to be in force. */
  applied: 0,
  stopping: false,
  stopped: new Promise((resolve) => {
    stop = resolve;
  }),
};
let ended;

function start({ name, seed, ...settings }) {
  Object.assign(state, { name, ...settings });
  let number = 0;
  const lanes = Object.entries(groups).flatMap(([group, { kinds, lanes: count, pauseMs }]) => {
    const able = kinds.filter(({ on = [state.listener] }) => on.includes(state.listener));
    if (able.length === 0) return [];
    return Array.from({ length: count }, () => {
      number += 1;
      const lane = new Lane({ name: `${name}${group}${number}`, seed: seed + number * 7919, book, state });
      return lane.run(able, pauseMs);
    });
  });
  ended = Promise.all(lanes);
}

const orders = {
  start,
  /** Tokens, or the configuration in force. */
  update: (changes) => void Object.assign(state, changes),
  count: () => ({ answers: book.answers, wrong: book.wrongs, unexplained: book.unexplaineds }),
  async stop() {
    state.stopping = true;
    stop();
    await ended;
    return book;
  },
};
process.on('message', async ({ id, order, argument }) => {
  process.send({ id, value: (await orders[order](argument)) ?? null });
});
process.once('disconnect', () => process.exit(0));
