// Judges what a soak gave: whether memory was flat, and whether the gateway counted what its clients saw. It measures nothing.
import { median } from '../machine.mjs';

const MINUTE = 60;
/** Shorter runs say nothing about growth: the second minute and the last one must lie apart. */
export const JUDGED_FROM = 4 * MINUTE;

/**
 * What is sampled, in MiB but for descriptors, and how much the median of the last minute may lie above that of the second:
 * a share of the level for noise, and an amount. A kept object of 16 bytes in each of 1,000 requests a second would be 7 MiB
 * in the eight minutes between.
 */
export const bounds = {
  rss: { share: 0.03, amount: 3 },
  heap: { share: 0.03, amount: 0.5 },
  external: { share: 0.03, amount: 0.5 },
  descriptors: { share: 0.1, amount: 32 },
};

/**
 * `[{what, second, last, growth, bound, slope, flat}]`: medians of the second and of the last minute, and the slope per minute
 * from the second minute on (the median of the slopes between samples that lie half of that time apart). Empty for a run
 * shorter than `JUDGED_FROM`. `samples`: `{at, rss, heap, external, descriptors}`, `at` in seconds since the traffic began.
 */
export function judgeMemory(samples) {
  const length = samples.at(-1)?.at ?? 0;
  if (length < JUDGED_FROM) return [];
  const within = (from, to) => samples.filter(({ at }) => at >= from && at < to);
  const from = within(MINUTE, 2 * MINUTE);
  const to = within(length - MINUTE, length + 1);
  return Object.entries(bounds).map(([what, { share, amount }]) => {
    const of = (list) => median(list.map((sample) => sample[what]));
    const [second, last] = [of(from), of(to)];
    const bound = second * share + amount;
    const growth = last - second;
    return { what, second, last, growth, bound, slope: slopeOf(samples, what), flat: growth <= bound };
  });
}

function slopeOf(samples, what) {
  const later = samples.filter(({ at }) => at >= MINUTE);
  const half = later.length >> 1;
  const slopes = later.slice(half).map((sample, at) => {
    const before = later[at];
    return ((sample[what] - before[what]) / (sample.at - before.at)) * MINUTE;
  });
  return median(slopes);
}

/**
 * What is wrong about the gateway's counts. `known`: answers that clients saw, by `ENDPOINT STATUS`; `unknown`: requests by
 * endpoint whose answer nobody awaited; `counted`: the metric. An endpoint without unknown ones must agree exactly; one with
 * them may have been counted up to so many times more, under any status.
 */
export function compareCounts({ known, unknown }, counted) {
  const endpoints = new Set([...Object.keys(known), ...Object.keys(counted)].map((key) => key.split(' ')[0]));
  return [...endpoints].sort().flatMap((endpoint) => {
    const keys = [...new Set([...Object.keys(known), ...Object.keys(counted)])].filter(
      (key) => key.split(' ')[0] === endpoint,
    );
    const surplus = keys.map((key) => [key, (counted[key] ?? 0) - (known[key] ?? 0)]);
    const missing = surplus
      .filter(([, more]) => more < 0)
      .map(([key, more]) => `${key}: ${-more} not counted`);
    const more = surplus.reduce((sum, [, one]) => sum + Math.max(0, one), 0);
    const allowed = unknown[endpoint] ?? 0;
    if (more <= allowed) return missing;
    const most = surplus.filter(([, one]) => one > 0).map(([key, one]) => `${key}: ${one}`);
    return [...missing, `counted and seen by no client (${allowed} may be): ${most.join(', ')}`];
  });
}

/** The samples of an exposition: `[{name, labels, value}]`. */
export function readMetrics(text) {
  return [...text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name, list = '', value]) => ({
      name,
      labels: Object.fromEntries(
        [...list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, one]) => [key, one]),
      ),
      value: Number(value),
    }),
  );
}

/** The sum of all samples of a metric. */
export const total = (metrics, wanted) =>
  metrics.filter(({ name }) => name === wanted).reduce((sum, { value }) => sum + value, 0);

/** Requests by `ENDPOINT STATUS`. */
export function countsOf(metrics) {
  const counts = {};
  for (const { name, labels, value } of metrics) {
    if (name !== 'ferrogate_http_requests_total') continue;
    const key = `${labels.endpoint} ${labels.status_code}`;
    counts[key] = (counts[key] ?? 0) + value;
  }
  return counts;
}
