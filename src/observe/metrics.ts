// Puts the gateway's metric families into a prom-client Registry and takes them out again; it counts nothing itself.
import { type Metric, Registry, type RegistryContentType } from 'prom-client';
import { GatewayError } from '../errors.ts';
import type { MetricFamily, MetricSample } from '../native/calls.ts';
import { ExposedFamily } from './exposed.ts';

/** What every family name starts with unless a prefix is given. */
const ownPrefix = 'ferrogate_';
const prefixPattern = /^[A-Za-z_:][A-Za-z0-9_:]*$/;

/** What is used of a Registry; that of another copy of prom-client is as good. */
export type MetricRegistry = Registry<RegistryContentType>;

export interface MetricsOptions {
  /** Default: a registry of its own. */
  readonly registry?: MetricRegistry;
  /** Replaces `ferrogate_` at the start of every family name; default `ferrogate_`. */
  readonly prefix?: string;
  /** The label `service` of samples that have none yet. */
  readonly service: string;
  /** Every family as it is now; called once for all families of one scrape. */
  read(): readonly MetricFamily[];
}

export interface Metrics {
  readonly registry: MetricRegistry;
  /** Everything in the registry, the user's own metrics too, and its `Content-Type`. */
  text(): Promise<{ body: string; contentType: string }>;
  /** Takes the families out of the registry. */
  close(): void;
}

/**
 * Registers the families that `read` gives, and those that it gives later on.
 * Throws `ERR_FG_CONFIG_INVALID` for a prefix that cannot start a metric name, and when a name is taken in the registry.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const { registry = new Registry(), prefix = ownPrefix } = options;
  if (!prefixPattern.test(prefix)) {
    throw new GatewayError(
      'ERR_FG_CONFIG_INVALID',
      'metricsPrefix: expected the start of a metric name such as "app_"',
    );
  }
  const registered = new Map<string, ExposedFamily>();
  const read = (): MetricFamily[] => labelled(options.read(), options.service);
  const readOnce = onceATurn(read);
  const samplesOf = (name: string): readonly MetricSample[] =>
    readOnce().find((family) => family.name === name)?.samples ?? [];
  const register = (families: readonly MetricFamily[]): void => {
    for (const family of families) {
      if (registered.has(family.name)) continue;
      const exposed = new ExposedFamily(family, renamed(family.name, prefix), samplesOf);
      insert(registry, exposed);
      registered.set(family.name, exposed);
    }
  };
  const close = (): void => {
    for (const { key } of registered.values()) registry.removeSingleMetric(key);
    registered.clear();
  };
  try {
    register(read());
  } catch (error) {
    close();
    throw error;
  }
  return {
    registry,
    async text() {
      register(readOnce());
      return { body: await registry.metrics(), contentType: registry.contentType };
    },
    close,
  };
}

function insert(registry: MetricRegistry, family: ExposedFamily): void {
  if (registry.getSingleMetric(family.key) !== undefined) {
    const message = `the registry already holds a metric named "${family.key}": give this gateway a metricsPrefix of its own`;
    throw new GatewayError('ERR_FG_CONFIG_INVALID', message);
  }
  // The registry calls name, get and reset; its type asks for one of prom-client's own classes.
  registry.registerMetric(family as unknown as Metric);
}

function renamed(name: string, prefix: string): string {
  return name.startsWith(ownPrefix) ? prefix + name.slice(ownPrefix.length) : prefix + name;
}

function labelled(families: readonly MetricFamily[], service: string): MetricFamily[] {
  const withService = (sample: MetricSample): MetricSample => ({
    ...sample,
    labels: { service, ...sample.labels },
  });
  return families.map((family) => ({ ...family, samples: family.samples.map(withService) }));
}

/** A registry asks all its metrics in one turn: they share one reading, which is forgotten when the turn ends. */
function onceATurn<T>(read: () => T): () => T {
  let kept: { readonly value: T } | undefined;
  return () => {
    if (kept === undefined) {
      kept = { value: read() };
      queueMicrotask(() => {
        kept = undefined;
      });
    }
    return kept.value;
  };
}
