// Options of the listening side: where requests come in and how large they may be.
import type { z } from 'zod';
import { bindHost, network } from './addresses.ts';
import { identifier } from './names.ts';
import { choice, integer, list, option, section, withDefault } from './option.ts';
import type { Plan } from './plan.ts';
import { duration, size } from './units.ts';

export const listenSection = section(
  { name: 'ListenConfig', text: 'Where the gateway listens and what it takes from clients.' },
  {
    host: option(
      withDefault(bindHost(), '127.0.0.1'),
      'Address or name to bind to; `"0.0.0.0"` or `"::"` for all.',
    ),
    port: option(withDefault(integer(0, 65535), 8080), 'Port; 0 takes any free one.'),
    listener: option(
      withDefault(choice('auto', 'uws'), 'auto'),
      'Who owns the client side: `"uws"` is uWebSockets.js, `"auto"` the best that loads.',
    ),
    trustedProxies: option(
      withDefault(list(network(), 'addresses and networks'), []),
      'Peers whose `X-Forwarded-*` fields are believed and extended instead of replaced.',
    ),
    maxHeaderBytes: option(
      withDefault(size('1kb', '64kb'), '16kb'),
      'Longest request head; a longer one is 431.',
    ),
    maxBodyBytes: option(
      withDefault(size('0b', '1024gb'), '1mb'),
      'Longest request body; a longer one is 413. A route may set its own.',
    ),
    chunkedRequests: option(
      withDefault(choice('refuse', 'accept'), 'refuse'),
      'Whether a request body may come with `Transfer-Encoding: chunked`; a refused one is 411.',
    ),
    shutdownTimeout: option(
      withDefault(duration('0ms', '1h'), '10s'),
      'How long running exchanges may take to end when the gateway closes.',
    ),
    limits: option(
      withDefault(list(identifier(), 'limit ids'), []),
      'Limits that count every request before it is routed, so also a 404. Only keys `client` and `header:NAME`.',
    ),
  },
);

/** What the listening code reads; the rest of the section is in the plan. */
export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly listener: 'auto' | 'uws';
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  readonly chunkedRequests: 'refuse' | 'accept';
  readonly shutdownTimeoutMs: number;
}

type Listen = z.output<typeof listenSection>;

/** The part of the section that opens and closes sockets. */
export function listenSettings(listen: Listen): ListenSettings {
  return {
    host: listen.host,
    port: listen.port,
    listener: listen.listener,
    maxHeaderBytes: listen.maxHeaderBytes,
    maxBodyBytes: listen.maxBodyBytes,
    chunkedRequests: listen.chunkedRequests,
    shutdownTimeoutMs: listen.shutdownTimeout,
  };
}

/** The part of the section that decides requests. */
export function planListen(
  listen: Listen,
): Pick<Plan, 'maxHeaderBytes' | 'maxBodyBytes' | 'acceptChunked' | 'trustedProxies' | 'listenLimits'> {
  return {
    maxHeaderBytes: listen.maxHeaderBytes,
    maxBodyBytes: listen.maxBodyBytes,
    acceptChunked: listen.chunkedRequests === 'accept',
    trustedProxies: listen.trustedProxies,
    listenLimits: listen.limits,
  };
}
