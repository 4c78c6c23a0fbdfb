// Opens the listener that a configuration asks for, and closes it without losing a request; it knows no route.
import { setTimeout } from 'node:timers/promises';
import { checkSecure, chooseListener, type ListenerChoice, type ListenerFacts } from './config/choice.ts';
import type { ListenSettings } from './config/listen.ts';
import { maskConfig } from './config/mask.ts';
import type { Bridge } from './listener/bridge.ts';
import type { Listener } from './listener/listener.ts';
import { listenNative } from './listener/native.ts';
import { listenUws, uwsLoads } from './listener/uws.ts';
import type { ListenOverrides } from './types.ts';
import { atMost } from './waiting.ts';

export type SocketSettings = Pick<
  ListenSettings,
  'host' | 'port' | 'maxHeaderBytes' | 'threads' | 'backlog' | 'isSecure'
>;

/** A listener that is open, and why it is this one. */
export interface OpenListener extends ListenerChoice {
  readonly sockets: Listener;
  /** `http://HOST:PORT`, or `https`, with the real port and IPv6 in brackets. */
  readonly url: string;
  /** TLS is spoken. */
  readonly isSecure: boolean;
  /** Of the native listener, else null. */
  readonly threads: number | 'loop' | null;
}

/**
 * Starts listening; `fds` are sockets that listen already.
 * @throws GatewayError `ERR_FG_LISTENER_UNAVAILABLE`, `ERR_FG_ADDRESS_IN_USE`, `ERR_FG_CONFIG_INVALID`
 */
export async function openListener(
  bridge: Bridge,
  settings: SocketSettings,
  facts: ListenerFacts,
  overrides: ListenOverrides,
  fds: readonly number[] = [],
): Promise<OpenListener> {
  const { host = settings.host, port = settings.port } = overrides;
  const { maxHeaderBytes } = settings;
  // A library that is asked for by name says itself why it does not load; one that cannot serve is not loaded.
  const asksUws = facts.listener === 'auto' && facts.nativeOnly.length === 0;
  const choice = chooseListener(facts, { uwsLoads: asksUws && (await uwsLoads(maxHeaderBytes)) });
  const isNative = choice.listener === 'native';
  const { threads = settings.threads } = overrides;
  const sockets = isNative
    ? await listenNative(bridge, { host, port, threads, backlog: settings.backlog, fds })
    : await listenUws(bridge, { host, port, maxHeaderBytes, fds });
  const { isSecure } = settings;
  const scheme = isSecure ? 'https' : 'http';
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${sockets.port}`;
  return { ...choice, sockets, url, isSecure, threads: isNative ? threads : null };
}

/** The configuration as it may be shown, with what became of its `listen`. */
export function shownConfig(written: unknown, open: OpenListener | null): object {
  const config = maskConfig(written) as object;
  if (open === null) return config;
  const { listener, reason, threads } = open;
  return { ...config, listening: { listener, reason, threads } };
}

/**
 * An open listener cannot be exchanged: what it lacks is refused.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID` when uWebSockets.js serves and the facts need the native listener, and
 * when TLS would begin or end
 */
export function checkServed(
  open: OpenListener | null,
  facts: ListenerFacts,
  { isSecure }: Pick<ListenSettings, 'isSecure'>,
): void {
  if (open === null) return;
  if (open.listener === 'uws') chooseListener({ ...facts, listener: 'uws' }, { uwsLoads: true });
  checkSecure(open.isSecure, isSecure);
}

export interface Closing {
  /** How long connections are still accepted, so that balancers see that the gateway is not ready. */
  readonly delayMs: number;
  /** How long running exchanges may take then. */
  readonly timeoutMs: number;
  /** Another process accepts meanwhile: idle connections are waited for too. */
  readonly handedOver?: boolean;
}

/** Takes no more connections, lets exchanges end, and closes what is left when their time is over. */
export async function closeListener(
  bridge: Bridge,
  sockets: Listener | null,
  closing: Closing,
): Promise<void> {
  if (sockets === null) {
    await atMost(closing.timeoutMs, bridge.idle());
    return;
  }
  if (closing.delayMs > 0) await setTimeout(closing.delayMs);
  sockets.stopAccepting();
  const handedOver = closing.handedOver === true;
  sockets.drain(closing.timeoutMs, handedOver);
  const done = handedOver ? sockets.empty() : sockets.quiet();
  await atMost(closing.timeoutMs, Promise.all([bridge.idle(), done]));
  sockets.close();
}
