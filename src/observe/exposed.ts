// One metric family in the shape that prom-client's Registry takes; its values live elsewhere and are read on each scrape.
import type { MetricFamily, MetricSample } from '../native/calls.ts';

/** One line of an exposition. */
export interface ExposedValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Set where the line's name is not the family's: `_bucket`, `_sum`, `_count`. */
  readonly metricName?: string;
}

/** Reads the samples of one family now. */
export type ReadSamples = (family: string) => readonly MetricSample[];

/** A family that prom-client's Registry can hold: what it uses of its own metric classes, and no more. */
export class ExposedFamily {
  /** Not read-only: a registry in OpenMetrics form takes `_total` off. */
  name: string;
  readonly help: string;
  readonly type: MetricFamily['type'];
  /** How prom-client's cluster support joins the workers' values. */
  readonly aggregator = 'sum';
  readonly #source: string;
  readonly #exposed: string;
  readonly #read: ReadSamples;

  constructor(family: MetricFamily, exposedName: string, read: ReadSamples) {
    this.name = exposedName;
    this.help = family.help;
    this.type = family.type;
    this.#source = family.name;
    this.#exposed = exposedName;
    this.#read = read;
  }

  /** The name under which the registry keeps it. */
  get key(): string {
    return this.#exposed;
  }

  async get(): Promise<object> {
    const samples = this.#read(this.#source);
    const values =
      this.type === 'histogram'
        ? samples.flatMap((one) => histogram(this.#exposed, one))
        : samples.map(plain);
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }

  /** Does nothing: counts belong to the data plane and only grow. */
  reset(): void {}
}

function plain({ labels, value = 0 }: MetricSample): ExposedValue {
  return { labels, value };
}

function histogram(name: string, { labels, buckets = [], sum = 0, count = 0 }: MetricSample): ExposedValue[] {
  const bounds = [...buckets.filter(([le]) => Number.isFinite(le)), ['+Inf', count] as const];
  return [
    ...bounds.map(([le, value]) => ({ labels: { ...labels, le }, value, metricName: `${name}_bucket` })),
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}
