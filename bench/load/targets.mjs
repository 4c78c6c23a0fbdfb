// What is measured: each target's command. Adding one is one entry here.
import { fileURLToPath } from 'node:url';
import { haproxyJwt, haproxyPlain, proxyNginx } from './configs.mjs';
import { envoyJwtCache, envoyPlain } from './envoy.mjs';

const server = (name) => fileURLToPath(new URL(`servers/${name}.mjs`, import.meta.url));
const node = (name, ...args) => [process.execPath, server(name), ...args.map(String)];
const nginx = (run, name) => ['nginx', '-e', `${run}/${name}.err`, '-p', run, '-c', `${run}/${name}.conf`];
const haproxy = (name, config, more) => ({
  needs: 'haproxy',
  file: `${name}.cfg`,
  config,
  command: ({ run }) => ['haproxy', '-db', '-f', `${run}/${name}.cfg`],
  ...more,
});
const envoy = (name, config, more) => ({
  needs: 'envoy',
  file: `${name}.yaml`,
  config,
  command: ({ run, envoy: program }) => {
    const options = ['--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
    return [program, '-c', `${run}/${name}.yaml`, ...options];
  },
  ...more,
});

/** Who owns the client side of the gateway. */
const listeners = {
  uws: { listener: 'uws' },
  threads: { listener: 'native', threads: 1 },
  loop: { listener: 'native', threads: 'loop' },
};

/**
 * What the gateway does. `fresh` remembers fewer tokens than are sent, so that each is verified anew; the event loop of
 * `blocked` computes for 50 ms of every 200.
 */
const works = {
  plain: {},
  policies: { hasPolicies: true },
  fresh: { hasPolicies: true, cacheEntries: 16 },
  blocked: { isBlocked: true },
  handler: { isHandler: true },
  'policed-handler': { hasPolicies: true, isHandler: true },
};

/** `ferrogate-LISTENER-WORK` for each listener and work. */
const ferrogate = Object.fromEntries(
  Object.entries(listeners).flatMap(([listener, listen]) =>
    Object.entries(works).map(([work, options]) => {
      const target = {
        policies: options.hasPolicies === true,
        answers: options.isHandler === true,
        command: ({ run, port }) =>
          node('ferrogate', port, `${run}/settings.json`, JSON.stringify({ listen, ...options })),
      };
      return [`ferrogate-${listener}-${work}`, target];
    }),
  ),
);

/**
 * `config` is written to the run folder as `file` first; `policies`: the target must refuse a missing and a forged
 * token; `answers`: it answers by itself and has no large body; `needs`: the program it is, checked before.
 */
export const targets = {
  'nginx-proxy': {
    needs: 'nginx',
    file: 'nginx-proxy.conf',
    config: proxyNginx,
    command: ({ run }) => nginx(run, 'nginx-proxy'),
  },
  'haproxy-plain': haproxy('haproxy-plain', haproxyPlain),
  'haproxy-jwt': haproxy('haproxy-jwt', haproxyJwt, { policies: true }),
  'envoy-plain': envoy('envoy-plain', envoyPlain),
  'envoy-jwtcache': envoy('envoy-jwtcache', envoyJwtCache, { policies: true }),
  'uws-undici': { command: ({ port, origin }) => node('undici', port, origin) },
  'fastify-http-proxy': { command: ({ port, origin }) => node('fastify', port, origin) },
  'uws-hello': { answers: true, command: ({ port, body }) => node('hello', port, body) },
  'node-http': { answers: true, command: ({ port, body }) => node('http', port, body) },
  ...ferrogate,
};

/** What each ratio is to. */
export const baselineOf = (name) => (targets[name]?.answers ? 'uws-hello' : 'nginx-proxy');

export const originCommand = (run) => nginx(run, 'origin');
