// The configurations of the soak: one number makes one configuration, good or bad, of a bounded set of route and limit ids.
import { choices } from './random.mjs';

/** How the gateway listens. */
export const listeners = {
  native: { listener: 'native', threads: 1 },
  loop: { listener: 'native', threads: 'loop' },
  uws: { listener: 'uws' },
};

/**
 * Clocks that clients of the soak run into, in milliseconds: `idle` and `head` of single routes, `body` and `half` as they are by
 * default. Good clients keep far from them, unless the machine holds them up.
 */
export const clocks = {
  header: 10_000,
  write: 8000,
  keepAlive: 30_000,
  idle: 1500,
  head: 1500,
  half: 1000,
  body: 5000,
};
export const AUDIENCE = 'soak';
export const ISSUER = 'https://id.soak.test';
/** Routes that are there in one configuration and not in the next. */
export const TOGGLES = 8;
/** Bodies of `/o/tiny/…` may have so many bytes. */
export const TINY_BYTES = 8;
/** Capacities that the limit of `/o/limited/…` has in turn. */
export const BURSTS = [2, 3];
/** In which one request of that limit comes back. */
export const REFILL_MS = 10_000;
/** Ids of further routes, of which each configuration has some. */
const FILLERS = 200;
/** What bad configurations would say of themselves. */
export const BAD = 'bad';

const ms = (count) => `${count}ms`;

/**
 * The configuration `number` of a run. `places`: `{listener, targets: [A, B], jwks}`. Routes of handlers are not in it:
 * they are code (`gateway.mjs`).
 */
export function configOf(number, seed, places) {
  const random = choices(seed ^ Math.imul(number, 0x9e3779b1));
  const [a, b] = places.targets;
  const targets = random.pick([[a], [b], [a, b], [{ url: a, weight: random.between(1, 9) }, b]]);
  return {
    service: 'soak',
    listen: listenOf(places.listener, random),
    errors: { format: random.pick(['problem', 'envelope']) },
    records: { sample: 1, query: random.chance(0.5), headers: ['user-agent'] },
    issuers: { main: issuerOf(places.jwks, random) },
    limits: {
      tight: { rate: 1, per: ms(REFILL_MS), burst: random.pick(BURSTS), key: 'header:x-key' },
      open: { rate: random.between(1_000_000, 1_000_000_000), per: '1s', key: 'client' },
    },
    upstreams: {
      origin: { targets, connectTimeout: '20s' },
      chat: { targets: [a], connectTimeout: '20s' },
      // Nobody listens there.
      dead: { targets: ['http://127.0.0.1:1'] },
    },
    routes: [...steadyRoutes(number, places.listener), ...changingRoutes(random)],
  };
}

function listenOf(listener, random) {
  const bounds = { maxBodyBytes: '4mb', limits: random.chance(0.5) ? ['open'] : [] };
  if (listener === 'uws') return bounds;
  const { header, write, keepAlive } = clocks;
  const times = { headerTimeout: ms(header), writeTimeout: ms(write), keepAliveTimeout: ms(keepAlive) };
  return { ...bounds, ...times, maxConnectionsPerClient: random.between(4096, 8192) };
}

function issuerOf(jwks, random) {
  const cacheEntries = random.pick([512, 1024]);
  return { issuer: ISSUER, audience: [AUDIENCE], jwks, refreshCooldown: '1s', cacheEntries };
}

/** Routes of every configuration; `number` is in what the upstream of `gen` is told. */
function steadyRoutes(number, listener) {
  const upstream = 'origin';
  const of = (id, more = {}) => ({ id, match: { path: `/o/${id}/:id` }, upstream, timeout: '60s', ...more });
  const jwt = { issuer: 'main', scopes: ['read:orders'] };
  const badTimes = { timeout: ms(clocks.head), idleTimeout: ms(clocks.idle) };
  const shared = { origins: ['https://app.soak.test'], methods: ['PUT'] };
  return [
    ...['large', 'chunked', 'upload', 'pipe', 'endless'].map((id) => of(id)),
    of('small', { limits: ['open'] }),
    of('me', { jwt, claimHeaders: { 'x-user': 'sub' } }),
    of('gen', { headers: { set: { 'x-gen': String(number) }, remove: ['x-removed'] } }),
    of('limited', { limits: ['tight'] }),
    of('shared', { cors: shared }),
    of('read', { match: { path: '/o/read/:id', methods: ['GET'] } }),
    of('tiny', { maxBodyBytes: TINY_BYTES }),
    of('stall', { idleTimeout: ms(clocks.idle) }),
    of('dead', { upstream: 'dead' }),
    of('bad', { match: { path: '/o/bad/:how/:id' } }),
    of('mute', { match: { path: '/o/mute/:how/:id' }, ...badTimes }),
    of('abort', { match: { path: '/a/*rest' } }),
    of('abort-me', { match: { path: '/am/me/:id' }, jwt, claimHeaders: { 'x-user': 'sub' } }),
    of('public', { match: { path: '/public/*rest' } }),
    // uWebSockets.js forwards no WebSocket.
    ...(listener === 'uws' ? [] : [of('chat', { upstream: 'chat', websocket: true })]),
  ];
}

function changingRoutes(random) {
  const route = (id, limits = []) => ({ id, match: { path: `/o/${id}/:id` }, upstream: 'origin', limits });
  const toggles = Array.from({ length: TOGGLES }, (_, at) => `toggle-${at}`).filter(() => random.chance(0.5));
  const first = random.below(FILLERS);
  const fillers = Array.from({ length: random.below(50) }, (_, at) => `filler-${(first + at) % FILLERS}`);
  return [...toggles, ...fillers].map((id) => route(id, random.chance(0.3) ? ['open'] : []));
}

/** What makes a good configuration bad, each in its own way. */
const flaws = {
  'an unknown option': (config) => ({ ...config, listen: { ...config.listen, prot: 1 } }),
  'an unknown upstream': (config) => withRoute(config, { upstream: 'nowhere' }),
  'an unknown limit': (config) => withRoute(config, { limits: ['nothing'] }),
  'a route id that is taken': (config) => withRoute(config, { id: 'small' }),
  'a path that is taken': (config) => withRoute(config, { match: { path: '/o/small/:other' } }),
  'a path that a handler has': (config) => withRoute(config, { match: { path: '/js/echo/:other' } }),
  'a constraint that is no expression': (config) => withRoute(config, { match: { path: '/x/:id((' } }),
  'a limit of nothing': (config) => ({
    ...config,
    limits: { ...config.limits, none: { rate: 0, per: '1s' } },
  }),
  'no such issuer': (config) => withRoute(config, { jwt: 'stranger' }),
};

function withRoute(config, more) {
  const added = { id: 'added', match: { path: '/o/added' }, upstream: 'origin', ...more };
  return { ...config, routes: [...config.routes, added] };
}

/** `{flaw, config}`: must be refused and change nothing. What it says of itself must never be seen. */
export function badConfigOf(number, seed, places) {
  const names = Object.keys(flaws);
  const flaw = names[number % names.length];
  const good = configOf(number, seed, places);
  const routes = good.routes.map((route) =>
    route.id === 'gen' ? { ...route, headers: { set: { 'x-gen': BAD } } } : route,
  );
  return { flaw, config: flaws[flaw]({ ...good, routes }) };
}
