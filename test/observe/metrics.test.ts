// Families of the data plane in a prom-client Registry.
import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { MetricFamily } from '../../src/native/calls.ts';
import { createMetrics, type MetricsOptions } from '../../src/observe/metrics.ts';

const requests: MetricFamily = {
  name: 'ferrogate_http_requests_total',
  help: 'Requests answered.',
  type: 'counter',
  samples: [
    { labels: { service: 'shop', endpoint: 'order', method: 'GET', status_code: '200' }, value: 3 },
    { labels: { service: 'shop', endpoint: 'a"b\\c\nd', method: 'GET', status_code: '404' }, value: 1 },
  ],
};
const durations: MetricFamily = {
  name: 'ferrogate_http_request_duration_seconds',
  help: 'Seconds.',
  type: 'histogram',
  samples: [
    {
      labels: { endpoint: 'order' },
      buckets: [
        [0.005, 1],
        [0.01, 2],
      ],
      sum: 0.5,
      count: 3,
    },
  ],
};
const keys: MetricFamily = {
  name: 'ferrogate_key_set_keys',
  help: 'Keys.',
  type: 'gauge',
  samples: [{ labels: {}, value: 2 }],
};

function create(more: Partial<MetricsOptions> = {}) {
  return createMetrics({ service: 'main', read: () => [requests, durations, keys], ...more });
}

describe('text', () => {
  it('is the Prometheus exposition of every family', async () => {
    const { body, contentType } = await create().text();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body.split('\n')).toEqual([
      '# HELP ferrogate_http_requests_total Requests answered.',
      '# TYPE ferrogate_http_requests_total counter',
      'ferrogate_http_requests_total{service="shop",endpoint="order",method="GET",status_code="200"} 3',
      'ferrogate_http_requests_total{service="shop",endpoint="a\\"b\\\\c\\nd",method="GET",status_code="404"} 1',
      '',
      '# HELP ferrogate_http_request_duration_seconds Seconds.',
      '# TYPE ferrogate_http_request_duration_seconds histogram',
      'ferrogate_http_request_duration_seconds_bucket{service="main",endpoint="order",le="0.005"} 1',
      'ferrogate_http_request_duration_seconds_bucket{service="main",endpoint="order",le="0.01"} 2',
      'ferrogate_http_request_duration_seconds_bucket{service="main",endpoint="order",le="+Inf"} 3',
      'ferrogate_http_request_duration_seconds_sum{service="main",endpoint="order"} 0.5',
      'ferrogate_http_request_duration_seconds_count{service="main",endpoint="order"} 3',
      '',
      '# HELP ferrogate_key_set_keys Keys.',
      '# TYPE ferrogate_key_set_keys gauge',
      'ferrogate_key_set_keys{service="main"} 2',
      '',
    ]);
  });

  it('has the values of now, read once for all families', async () => {
    let reads = 0;
    const metrics = create({
      read: () => {
        reads += 1;
        return [requests, durations, { ...keys, samples: [{ labels: {}, value: reads }] }];
      },
    });
    await metrics.text();
    const before = reads;
    const { body } = await metrics.text();
    expect(reads).toBe(before + 1);
    expect(body).toContain(`ferrogate_key_set_keys{service="main"} ${reads}`);
  });

  it('shows families that appear later', async () => {
    const families = [requests];
    const metrics = create({ read: () => families });
    families.push(keys);
    expect((await metrics.text()).body).toContain('ferrogate_key_set_keys{service="main"} 2');
  });

  it('is OpenMetrics when the registry is', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const metrics = create({ registry: registry as never });
    await metrics.text();
    const { body } = await metrics.text();
    expect(body).toContain('# TYPE ferrogate_http_requests counter\n');
    expect(body).toContain('ferrogate_http_requests_total{service="shop",endpoint="order"');
    expect(body).not.toContain('_total_total');
    expect(body.endsWith('# EOF\n')).toBe(true);
  });
});

describe("a user's registry", () => {
  it('keeps its own metrics and gives them with ours', async () => {
    const registry = new Registry();
    new Counter({ name: 'mine_total', help: 'Mine.', registers: [registry] }).inc();
    const metrics = create({ registry });
    expect((await metrics.text()).body).toContain('mine_total 1');
    expect(await registry.getMetricsAsJSON()).toHaveLength(4);
  });

  it('has nothing of ours after close', async () => {
    const registry = new Registry();
    create({ registry }).close();
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect((await create({ registry }).text()).body).toContain('ferrogate_key_set_keys');
  });

  it('survives resetMetrics', async () => {
    const metrics = create();
    metrics.registry.resetMetrics();
    expect((await metrics.text()).body).toContain('status_code="200"} 3');
  });

  it('takes two gateways when each has its prefix', async () => {
    const registry = new Registry();
    create({ registry });
    const { body } = await create({ registry, prefix: 'edge_' }).text();
    expect(body).toContain('ferrogate_key_set_keys');
    expect(body).toContain('edge_key_set_keys');
    expect(body).toContain('edge_http_request_duration_seconds_bucket');
  });

  it('refuses a second gateway with the same prefix and keeps the first whole', async () => {
    const registry = new Registry();
    create({ registry, read: () => [keys] });
    expect(() => create({ registry })).toThrow(/ferrogate_key_set_keys.*metricsPrefix/);
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(['ferrogate_key_set_keys']);
  });
});

it.each(['', '1_', 'a-b_', 'a b', 'é_'])('refuses the prefix %j', (prefix) => {
  expect(() => create({ prefix })).toThrow(/metricsPrefix/);
});
