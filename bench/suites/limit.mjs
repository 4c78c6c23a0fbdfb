// Limiters under one interface: a rival is made of a quota and says for a client's number whether a request may pass.
import LocalStore from '@fastify/rate-limit/store/LocalStore.js';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { openGateway, PLAIN_BLOCK } from './gateway.mjs';

/** `{name, isAsync, make({count, seconds}) → {take(client) → boolean or promise, close?}}`; `count` in each `seconds`. */
export const limiters = [
  { name: 'ferrogate (request + finish)', isAsync: false, make: ferrogate },
  { name: 'rate-limiter-flexible memory', isAsync: true, make: flexible },
  { name: '@fastify/rate-limit store', isAsync: false, make: fastify },
];

/** More than any suite has keys: its own default of 5,000 would forget most of them. */
const maxKeys = 2_000_000;

function ferrogate({ count, seconds }) {
  const quota = { rate: count, per: `${seconds}s`, burst: count };
  const gateway = openGateway({ routes: ['/'], quota });
  const address = new DataView(new ArrayBuffer(4));
  return {
    take: (client) => {
      address.setUint32(0, 0x0a000000 + client);
      return gateway.decide('GET', '/', PLAIN_BLOCK, address.buffer) === 0;
    },
    close: () => gateway.close(),
  };
}

function flexible({ count, seconds }) {
  const limiter = new RateLimiterMemory({ points: count, duration: seconds });
  return {
    take: (client) =>
      limiter.consume(client).then(
        () => true,
        () => false,
      ),
  };
}

/** The plugin adds a Fastify request around this; its store calls back before it returns. */
function fastify({ count, seconds }) {
  const store = new LocalStore(false, false, maxKeys);
  let current = 0;
  const taken = (_, state) => {
    current = state.current;
  };
  return {
    take: (client) => {
      store.incr(client, taken, seconds * 1000, count);
      return current <= count;
    },
  };
}
