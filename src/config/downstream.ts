// Options of the client side that only the native listener has: what a client may take of time, rate and connections.
import { z } from 'zod';
import { expecting, flag, integer, nativeOption, withDefault } from './option.ts';
import type { PlanDownstream } from './plan.ts';
import { duration, size } from './units.ts';

const MAX_CONNECTIONS = 1_048_576;

/** The options, as a part of `listen`. */
export const downstreamOptions = {
  proxyProtocol: nativeOption(
    withDefault(flag(), false),
    'Whether every connection from one of `trustedProxies` must begin with a PROXY protocol header, version 1 or 2; its address is then the client.',
  ),
  headerTimeout: nativeOption(
    withDefault(duration('1ms', '24h'), '10s'),
    'How long a request head may take, from its first byte, or from accepting the connection with the TLS handshake included; then 408, or without an answer where nothing of it came.',
  ),
  requestTimeout: nativeOption(
    withDefault(duration('1ms', '24h'), '5m'),
    'How long a whole request may take, from the first byte of its head to the last of its body; then 408.',
  ),
  keepAliveTimeout: nativeOption(
    withDefault(duration('1ms', '24h'), '75s'),
    'How long a connection may be idle between requests; then it is closed without an answer.',
  ),
  writeTimeout: nativeOption(
    withDefault(duration('1ms', '24h'), '60s'),
    'How long a client may take no byte of an answer; then its connection is reset.',
  ),
  halfCloseTimeout: nativeOption(
    withDefault(duration('0ms', '24h'), '1s'),
    'How long a request goes on without progress when its client has closed the sending side; then it is aborted.',
  ),
  minBodyRate: nativeOption(
    withDefault(size('0b', '1gb'), '240b'),
    'Bytes of a request body that must come in a second, on average and measured after its first 5 s; a slower one is 408, `"0b"` takes any.',
  ),
  maxConnections: nativeOption(
    withDefault(integer(1, MAX_CONNECTIONS), 16_384),
    'Most open connections of clients; a further one is 503, and closed without an answer where TLS is spoken.',
  ),
  maxConnectionsPerClient: nativeOption(
    withDefault(
      expecting(
        z.int().min(1).max(MAX_CONNECTIONS).nullable(),
        `an integer from 1 to ${MAX_CONNECTIONS}, or null`,
      ),
      1024,
    ),
    'Most of them from one address (of IPv6, one /64 network), `trustedProxies` excepted; a further one is refused like that.',
  ),
};

type Downstream = z.output<z.ZodObject<typeof downstreamOptions>>;

/** The client side as the data plane wants it. */
export function planDownstream(listen: Downstream): PlanDownstream {
  return {
    headerTimeoutMs: listen.headerTimeout,
    requestTimeoutMs: listen.requestTimeout,
    keepAliveTimeoutMs: listen.keepAliveTimeout,
    writeTimeoutMs: listen.writeTimeout,
    halfCloseTimeoutMs: listen.halfCloseTimeout,
    minBodyRate: listen.minBodyRate,
    maxConnections: listen.maxConnections,
    maxConnectionsPerClient: listen.maxConnectionsPerClient,
    proxyProtocol: listen.proxyProtocol,
  };
}
