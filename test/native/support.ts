// A gateway whose listener is the data plane, with the options that only this one has, and requests as text.
import type { Gateway, GatewayConfig } from '../../src/index.ts';
import { type ByteClient, byteClient } from '../listener/client.ts';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';

/** Options of `listen` that uWebSockets.js lacks. */
export interface NativeOptions {
  readonly headerTimeout?: string;
  readonly requestTimeout?: string;
  readonly keepAliveTimeout?: string;
  readonly writeTimeout?: string;
  readonly halfCloseTimeout?: string;
  readonly minBodyRate?: string;
  readonly maxConnections?: number;
  readonly maxConnectionsPerClient?: number | null;
  readonly proxyProtocol?: boolean;
}

export function startNative(
  options: NativeOptions = {},
  config: GatewayConfig = {},
  register: (gateway: Gateway) => void = () => {},
): Promise<ListeningGateway> {
  const listen = { ...config.listen, ...options };
  return startGateway({ ...config, listen }, register);
}

/** Everything is forwarded to this upstream. */
export const forwardingTo = (url: string): GatewayConfig => ({
  upstreams: { back: { targets: [url] } },
  routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
});

/** Everything that comes back for these bytes until the connection is closed. */
export async function untilClosed(port: number, bytes: string): Promise<string> {
  const client = await byteClient(port);
  client.send(bytes);
  return client.closed();
}

/** Statuses in the order they came, interim ones too; no body of these tests looks like one. */
export const statusesOf = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** Whether a whole answer with this body has come. */
export const answered =
  (body: string) =>
  (text: string): boolean =>
    text.endsWith(`\r\n\r\n${body}`);

/** Many idle connections. */
export function idle(port: number, count: number): Promise<ByteClient[]> {
  return Promise.all(Array.from({ length: count }, () => byteClient(port)));
}
