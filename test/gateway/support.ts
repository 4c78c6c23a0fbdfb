// A gateway and an upstream of a test; both are closed when the test ends.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createGateway, type Gateway, type GatewayConfig, type RuntimeOptions } from '../../src/index.ts';

export interface Log {
  level: 'info' | 'warn' | 'error';
  fields: Record<string, unknown>;
  message: string;
}

export function gatewayOf(
  config: GatewayConfig = {},
  runtime: RuntimeOptions = {},
): { gateway: Gateway; logs: Log[] } {
  const logs: Log[] = [];
  const log = (level: Log['level']) => (fields: object, message: string) =>
    void logs.push({ level, fields: { ...fields }, message });
  const logger = { info: log('info'), warn: log('warn'), error: log('error') };
  const listen = { port: 0, ...config.listen };
  const gateway = createGateway({ records: false, ...config, listen }, { logger, ...runtime });
  onTestFinished(() => gateway.close({ timeoutMs: 0 }));
  return { gateway, logs };
}

export async function upstream(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A configuration that forwards everything below `/up`. */
export const forwarding = (target: string): GatewayConfig => ({
  upstreams: { up: { targets: [target] } },
  routes: [{ id: 'up', match: { path: '/up/*rest' }, upstream: 'up' }],
});

export async function text(gateway: Gateway, url: string, method = 'GET'): Promise<string> {
  return (await gateway.inject({ url, method })).text();
}
