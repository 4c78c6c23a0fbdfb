// A small configuration with everything that a case may refer to, and a way to see what is wrong with another.

import { parseConfig, parseRoute, type RouteContext, type SecretSources } from '../../src/config/index.ts';
import { GatewayError } from '../../src/errors.ts';

export const issuer = {
  issuer: 'https://id.example',
  audience: ['orders'],
  jwks: 'https://id.example/jwks.json',
};
export const limit = { rate: 100, per: '1s' };
export const upstream = { targets: ['http://127.0.0.1:9001'] };

/** A correct configuration with one of each; `changes` replace whole sections. */
export function config(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    issuers: { main: issuer },
    limits: { perClient: limit },
    upstreams: { orders: upstream },
    ...changes,
  };
}

/** A correct route with `changes`. */
export function route(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { match: { path: '/orders/:id' }, upstream: 'orders', ...changes };
}

/** The lines of everything that is wrong with a configuration. */
export function wrong(input: unknown, secrets?: SecretSources): string[] {
  return linesOf(() => parseConfig(input, secrets));
}

/** The lines of everything that is wrong with a route. */
export function wrongRoute(input: unknown, context?: Partial<RouteContext>): string[] {
  return linesOf(() => parseRoute(input, { known: parseConfig(config()).known, ...context }));
}

/** The lines of the issues that `act` throws; empty when it throws nothing. */
export function linesOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'ERR_FG_CONFIG_INVALID') throw error;
    return error.message.split('\n');
  }
  return [];
}

/** Secrets from a table, with no process behind them. */
export function secrets(env: Record<string, string>, files: Record<string, string> = {}): SecretSources {
  return {
    env,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  };
}
