// Gateways of a fleet: several that share a store, and what they let through.
import type { GatewayConfig, Listening, ListenOverrides } from '../../src/index.ts';
import { makeGateway, type TestGateway } from './gateway.ts';
import { until } from './until.ts';

export interface FleetGateway extends TestGateway {
  readonly url: string;
  readonly listening: Listening;
  /** The value of a metric with these labels, summed over the others; 0 without one. */
  count(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Resolves when the store counts as there, or as away. */
  storeIs(up: boolean): Promise<void>;
}

type Limit = NonNullable<GatewayConfig['limits']>[string];

/** The store `main`, and one route `/x` with the limit `fleet`, by default 20 at once and nothing for an hour. */
export function fleetConfig(url: string, limit: Partial<Limit> = {}, timeout = '20ms'): GatewayConfig {
  return {
    stores: { main: { url, timeout } },
    limits: { fleet: { rate: 20, per: '20h', burst: 20, store: 'main', key: 'header:X-Key', ...limit } },
  };
}

/** A gateway in this process whose route `/x` answers by a handler; by default the engine runs in the event loop. */
export async function startFleetGateway(
  config: GatewayConfig,
  drive: ListenOverrides = { listener: 'native', threads: 'loop' },
): Promise<FleetGateway> {
  const made = makeGateway(config);
  made.gateway.get('/x', { id: 'x', limits: ['fleet'] }, () => 'x');
  const listening = await made.gateway.listen({ port: 0, admin: { port: 0 }, ...drive });
  const count = counter(listening.adminUrl ?? '');
  const storeIs = async (up: boolean): Promise<void> => {
    await until(`the store to be ${up ? 'there' : 'away'}`, async () => {
      return (await count('ferrogate_store_up')) === Number(up);
    });
  };
  return Object.assign(made, { url: listening.url, listening, count, storeIs });
}

/** Reads metrics of an admin listener. */
export function counter(adminUrl: string): FleetGateway['count'] {
  return async (name, labels = {}) => {
    const text = await (await fetch(`${adminUrl}/metrics`)).text();
    let sum = 0;
    for (const line of text.split('\n')) {
      const [, found, written = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const fits = Object.entries(labels).every(([key, wanted]) => written.includes(`${key}="${wanted}"`));
      if (found === name && fits) sum += Number(value);
    }
    return sum;
  };
}

export interface Answers {
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly allowed: number;
  /** Milliseconds of the slowest. */
  readonly slowest: number;
}

/** Asks `/x` so many times at once, of each gateway in turn. */
export async function askAll(urls: readonly string[], times: number, key: string): Promise<Answers> {
  const statuses: Record<number, number> = {};
  let slowest = 0;
  const one = async (at: number): Promise<void> => {
    const begun = performance.now();
    const answer = await fetch(`${urls[at % urls.length]}/x`, { headers: { 'X-Key': key } });
    await answer.arrayBuffer();
    slowest = Math.max(slowest, performance.now() - begun);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: times }, (_, at) => one(at)));
  return { statuses, allowed: statuses[200] ?? 0, slowest };
}
