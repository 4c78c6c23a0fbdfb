// Options of the listening side: where requests come in and how large they may be.
import { z } from 'zod';
import { bindHost, network } from './addresses.ts';
import { downstreamOptions, planDownstream } from './downstream.ts';
import { handlersFile, modulePath } from './handlers.ts';
import { identifier } from './names.ts';
import {
  choice,
  expecting,
  integer,
  list,
  nativeOption,
  option,
  optional,
  section,
  withDefault,
} from './option.ts';
import type { Plan } from './plan.ts';
import { listenTlsSection, planListenTls } from './tls.ts';
import { duration, size } from './units.ts';

/** Most threads of one listener. */
export const MAX_THREADS = 256;

const { proxyProtocol, ...bounds } = downstreamOptions;

export const listenSection = section(
  { name: 'ListenConfig', text: 'Where the gateway listens and what it takes from clients.' },
  {
    host: option(
      withDefault(bindHost(), '127.0.0.1'),
      'Address or name to bind to; `"0.0.0.0"` or `"::"` for all.',
    ),
    port: option(withDefault(integer(0, 65535), 8080), 'Port; 0 takes any free one.'),
    listener: option(
      withDefault(choice('auto', 'uws', 'native'), 'auto'),
      'Who owns the client side: `"uws"` is uWebSockets.js, `"native"` the data plane itself. `"auto"` is `"uws"` where that loads and no option is written that it lacks, else `"native"`.',
    ),
    threads: nativeOption(
      withDefault(
        expecting(
          z.union([integer(1, MAX_THREADS), choice('loop')]),
          `an integer from 1 to ${MAX_THREADS}, or "loop"`,
        ),
        1,
      ),
      'Threads that serve requests, beside the event loop of Node.js; `"loop"` serves inside it, for services that are mostly JavaScript handlers. Where nothing is written, the command line takes all cores.',
    ),
    workers: option(
      withDefault(integer(1, 64), 1),
      'Node.js environments that run JavaScript handlers; more than 1 need `handlers` and the `native` listener.',
    ),
    handlers: option(
      optional(modulePath(), 'none: handlers are registered on the gateway alone'),
      'A module whose default export, `(gateway) => void | Promise<void>`, registers the handlers in every environment. Its path counts from the folder of the configuration file; in code, from the working directory.',
    ),
    backlog: option(
      withDefault(integer(1, 65535), 4096),
      'Connections that may wait to be accepted by the `native` listener; the system may allow fewer.',
    ),
    trustedProxies: option(
      withDefault(list(network(), 'addresses and networks'), []),
      'Peers whose `X-Forwarded-*` fields are believed and extended instead of replaced.',
    ),
    proxyProtocol,
    maxHeaderBytes: option(
      withDefault(size('1kb', '64kb'), '16kb'),
      'Longest request head; a longer one is 431.',
    ),
    maxBodyBytes: option(
      withDefault(size('0b', '1024gb'), '1mb'),
      'Longest request body; a longer one is 413. A route may set its own.',
    ),
    chunkedRequests: option(
      optional(choice('refuse', 'accept'), '`"refuse"` with uws, `"accept"` with native'),
      'Whether a request body may come with `Transfer-Encoding: chunked`; a refused one is 411.',
    ),
    ...bounds,
    shutdownTimeout: option(
      withDefault(duration('0ms', '1h'), '10s'),
      'How long running exchanges may take to end when the gateway closes.',
    ),
    drainDelay: option(
      withDefault(duration('0ms', '1h'), '0s'),
      'How long a closing gateway still takes connections while `/readyz` answers 503 already.',
    ),
    tls: nativeOption(optional(listenTlsSection, 'plain HTTP'), 'TLS of the listener.'),
    limits: option(
      withDefault(list(identifier(), 'limit ids'), []),
      'Limits that count every request before it is routed, so also a 404. Only keys `client` and `header:NAME`.',
    ),
  },
);

type Listen = z.output<typeof listenSection>;

/** What may be asked for as a listener. */
export type ListenerName = Listen['listener'];

/** What the listening code reads; the rest of the section is in the plan. */
export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly listener: ListenerName;
  /** Of the native listener. */
  readonly threads: number | 'loop';
  readonly workers: number;
  /** An absolute path; null when the configuration names no module. */
  readonly handlers: string | null;
  readonly backlog: number;
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  readonly shutdownTimeoutMs: number;
  readonly drainDelayMs: number;
  /** TLS is spoken. */
  readonly isSecure: boolean;
}

/** The part of the section that opens and closes sockets. */
export function listenSettings(listen: Listen): ListenSettings {
  return {
    host: listen.host,
    port: listen.port,
    listener: listen.listener,
    threads: listen.threads,
    workers: listen.workers,
    handlers: listen.handlers === undefined ? null : handlersFile(listen.handlers),
    backlog: listen.backlog,
    maxHeaderBytes: listen.maxHeaderBytes,
    maxBodyBytes: listen.maxBodyBytes,
    shutdownTimeoutMs: listen.shutdownTimeout,
    drainDelayMs: listen.drainDelay,
    isSecure: listen.tls !== undefined,
  };
}

type ListenPlan = Pick<
  Plan,
  | 'maxHeaderBytes'
  | 'maxBodyBytes'
  | 'acceptChunked'
  | 'trustedProxies'
  | 'listenLimits'
  | 'downstream'
  | 'listenTls'
>;

/** The part of the section that decides requests. */
export function planListen(listen: Listen): ListenPlan {
  const { chunkedRequests } = listen;
  return {
    maxHeaderBytes: listen.maxHeaderBytes,
    maxBodyBytes: listen.maxBodyBytes,
    acceptChunked: chunkedRequests === undefined ? null : chunkedRequests === 'accept',
    trustedProxies: listen.trustedProxies,
    listenLimits: listen.limits,
    downstream: planDownstream(listen),
    listenTls: planListenTls(listen.tls),
  };
}
