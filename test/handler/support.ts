// A handler behind a scripted engine, asked through `inject`.
import { runHandler } from '../../src/handler/run.ts';
import type { Handler } from '../../src/handler/types.ts';
import { Bridge } from '../../src/listener/bridge.ts';
import { type InjectOptions, inject } from '../../src/listener/inject.ts';
import { FACT_CLAIMS, FACT_IP, FACT_PARAMS, FACT_ROUTE, FACT_TRACE } from '../../src/native/layout.ts';
import type { FakeOwned } from '../support/fake-downstream.ts';
import { FakeNative } from '../support/fake-native.ts';

export interface Log {
  fields: Record<string, unknown>;
  message: string;
}

export function serve(handler: Handler | undefined, format: 'problem' | 'envelope' = 'problem') {
  const logs: Log[] = [];
  const fake = new FakeNative(({ block }) => ({
    handler: 7,
    body: /(?:content-length: [1-9]|chunked)/.test(block),
  }));
  fake.facts.set(FACT_PARAMS, '{"id":"42"}').set(FACT_CLAIMS, '{"sub":"ada"}').set(FACT_IP, '127.0.0.1');
  fake.facts.set(FACT_TRACE, '0af7651916cd43dd8448eb211c80319c').set(FACT_ROUTE, 'order');
  const error = (fields: object, message: string) =>
    void logs.push({ fields: fields as Record<string, unknown>, message });
  const logger = { info: error, warn: error, error };
  const bridge = new Bridge(fake.native, 1, {
    handle: (exchange, number) =>
      runHandler({ logger, format: () => format }, exchange, number === 7 ? handler : undefined),
    keysWanted: () => {},
    report: (thrown) => {
      throw thrown;
    },
  });
  return {
    fake,
    bridge,
    logs,
    /** A request over a connection that the engine owns, handled as far as that goes at once. */
    come: (options: Parameters<FakeNative['ownedRequest']>[1] = {}, id = 3): FakeOwned => {
      const request = fake.ownedRequest(id, { target: '/orders/42?a=1&b=%20', ...options });
      fake.wake();
      return request;
    },
    ask: (options: Partial<InjectOptions> = {}) =>
      inject(bridge, { url: '/orders/42?a=1&b=%20', ...options }),
  };
}
