// Options that only the native listener has: found, refused beside "uws", and reason enough to choose native.
import { describe, expect, it } from 'vitest';
import {
  chooseListener,
  listenerFacts,
  type ParsedConfig,
  parseConfig,
  parseRoute,
  toPlan,
} from '../../src/config/index.ts';
import { config, linesOf, route, secrets, wrong, wrongRoute } from './support.ts';

const message =
  'only the native listener has this; leave it out, or set "listen.listener" to "native" or "auto"';
const written = {
  threads: 1,
  proxyProtocol: false,
  headerTimeout: '10s',
  requestTimeout: '5m',
  keepAliveTimeout: '75s',
  writeTimeout: '60s',
  halfCloseTimeout: '1s',
  minBodyRate: '240b',
  maxConnections: 16_384,
  maxConnectionsPerClient: null,
};
const shared = {
  workers: 1,
  handlers: './handlers.js',
  backlog: 128,
  chunkedRequests: 'accept',
  drainDelay: '1s',
};
const websocket = { routes: [route({ id: 'plain' }), route({ websocket: true })] };
const parsedWith = (listener: string, changes: Record<string, unknown> = {}): ParsedConfig =>
  parseConfig(config({ listen: { listener }, ...changes }));

describe('beside "uws"', () => {
  it.each(Object.entries(written))('%s is an error, even with its default', (name, value) => {
    const lines = wrong(config({ listen: { listener: 'uws', [name]: value } }));
    expect(lines).toEqual([`listen.${name}: ${message}`]);
  });

  it('the websocket of a route is an error, one for each', () => {
    const routes = [...websocket.routes, route({ id: 'b', websocket: {} })];
    expect(wrong(config({ listen: { listener: 'uws' }, routes }))).toEqual([
      `routes[1].websocket: ${message}`,
      `routes[2].websocket: ${message}`,
    ]);
  });

  it('more than one worker is an error', () => {
    const listen = { workers: 2, handlers: './handlers.js' };
    expect(wrong(config({ listen: { ...listen, listener: 'uws' } }))).toEqual([`listen.workers: ${message}`]);
    expect(wrong(config({ listen }))).toEqual([]);
  });

  it('everything else may be written, and what is undefined or false asks for nothing', () => {
    const listen = { listener: 'uws', ...shared, threads: undefined };
    expect(wrong(config({ listen, routes: [route({ websocket: false })] }))).toEqual([]);
  });

  it('is also understood from a variable', () => {
    const listen = { listener: '$' + '{LISTENER}', threads: 2 };
    expect(wrong(config({ listen }), secrets({ LISTENER: 'uws' }))).toEqual([`listen.threads: ${message}`]);
  });

  it('a route of code is refused as it comes', () => {
    expect(wrongRoute(route({ websocket: true }), { listener: 'uws' })).toEqual([`websocket: ${message}`]);
    expect(wrongRoute(route({ websocket: true }), { listener: 'auto' })).toEqual([]);
  });

  it('a configuration is refused for routes of code that were there before', () => {
    const code = parseRoute(route({ id: 'chat', websocket: true }), { known: parseConfig(config()).known });
    expect(linesOf(() => toPlan(parsedWith('uws'), [code]))).toEqual([`routes.chat.websocket: ${message}`]);
    expect(linesOf(() => toPlan(parsedWith('auto'), [code]))).toEqual([]);
  });
});

describe('what is found', () => {
  it('is every option, by its path', () => {
    const parsed = parseConfig(config({ listen: { ...shared, ...written }, ...websocket }));
    expect(new Set(parsed.nativeOnly)).toEqual(
      new Set([...Object.keys(written).map((name) => `listen.${name}`), 'routes[1].websocket']),
    );
  });

  it('is nothing where nothing is written', () => {
    expect(parseConfig(config({ listen: shared, routes: [route()] })).nativeOnly).toEqual([]);
  });

  it('is also what routes of code ask for', () => {
    const parsed = parsedWith('auto', { listen: { threads: 2 } });
    const code = parseRoute(route({ id: 'chat', websocket: true }), { known: parsed.known });
    const plain = parseRoute(route(), { known: parsed.known });
    expect(listenerFacts(parsed, [plain, code])).toEqual({
      listener: 'auto',
      nativeOnly: ['listen.threads', 'routes.chat.websocket'],
    });
  });
});

describe('several workers', () => {
  it('need the native listener, whether the configuration or listen asks for them', () => {
    const handlers = './handlers.js';
    const nativeOnly = ['listen.workers'];
    const two = parsedWith('auto', { listen: { handlers, workers: 2 } });
    expect(listenerFacts(two)).toEqual({ listener: 'auto', nativeOnly });
    expect(listenerFacts(two, [], undefined, 1).nativeOnly).toEqual([]);
    expect(listenerFacts(parsedWith('uws'), [], undefined, 3)).toEqual({ listener: 'uws', nativeOnly });
  });
});

describe('the choice', () => {
  const asked = 'asked for by name';
  const loads = 'uWebSockets.js is installed and loads';
  const fails = 'uWebSockets.js is not installed or does not load on Node 24.1.0';
  it.each([
    ['auto', [], true, 'uws', loads],
    ['auto', [], false, 'native', fails],
    [
      'auto',
      ['listen.threads', 'routes[0].websocket'],
      true,
      'native',
      'only the native listener has listen.threads',
    ],
    ['auto', ['listen.threads'], false, 'native', 'only the native listener has listen.threads'],
    ['uws', [], true, 'uws', asked],
    ['uws', [], false, 'uws', asked],
    ['native', [], true, 'native', asked],
    ['native', ['listen.threads'], false, 'native', asked],
  ] as const)('of %s with %j where uws loads is %j: %s', (listener, nativeOnly, uwsLoads, chosen, reason) => {
    expect(chooseListener({ listener, nativeOnly }, { uwsLoads, node: '24.1.0' })).toEqual({
      listener: chosen,
      reason,
    });
  });

  it('of an override wins over the configuration, and is refused what uws lacks', () => {
    const parsed = parsedWith('auto', { listen: { threads: 2 } });
    expect(listenerFacts(parsedWith('uws'), [], 'native').listener).toBe('native');
    expect(linesOf(() => chooseListener(listenerFacts(parsed, [], 'uws'), { uwsLoads: true }))).toEqual([
      `listen.threads: ${message}`,
    ]);
  });
});
