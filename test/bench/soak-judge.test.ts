// The soak's judgement can fail: memory that grows, and counts that differ from what clients saw.
import { expect, test } from 'vitest';
import {
  compareCounts,
  countsOf,
  JUDGED_FROM,
  judgeMemory,
  readMetrics,
  type Sample,
  total,
} from '../../bench/soak/judge.mjs';

/** Ten minutes of samples; `change` is added to each second's level. */
const run = (change: (second: number) => Partial<Sample>, length = 600): Sample[] =>
  Array.from({ length }, (_, at) => {
    const noise = at % 7;
    const level = { rss: 120 + noise / 4, heap: 12 + noise / 40, external: 3, descriptors: 300 + noise };
    const more = change(at);
    return {
      at: at + 1,
      rss: level.rss + (more.rss ?? 0),
      heap: level.heap + (more.heap ?? 0),
      external: level.external + (more.external ?? 0),
      descriptors: level.descriptors + (more.descriptors ?? 0),
    };
  });

const grown = (samples: Sample[]): string[] =>
  judgeMemory(samples)
    .filter(({ flat }) => !flat)
    .map(({ what }) => what);

test('what grows in the first minute only is flat', () => {
  expect(judgeMemory(run((at) => ({ rss: Math.min(at, 60), heap: Math.min(at, 60) / 10 })))).toHaveLength(4);
  expect(grown(run((at) => ({ rss: Math.min(at, 60), heap: Math.min(at, 60) / 10 })))).toEqual([]);
});

test('one high sample is no growth', () => {
  expect(grown(run((at) => (at === 580 ? { rss: 500, heap: 50, descriptors: 5000 } : {})))).toEqual([]);
});

test.each([
  // 16 bytes in each of 1,000 requests a second.
  ['rss', (at: number) => ({ rss: (at * 16_000) / 1024 / 1024 })],
  ['heap', (at: number) => ({ heap: (at * 2_000) / 1024 / 1024 })],
  ['external', (at: number) => ({ external: at / 600 })],
  ['descriptors', (at: number) => ({ descriptors: at / 6 })],
])('%s that keeps growing is told', (what, change) => {
  expect(grown(run(change))).toEqual([what]);
});

test('the slope is that of the growth, in a minute', () => {
  const heap = judgeMemory(run((at) => ({ heap: at / 60 }))).find(({ what }) => what === 'heap');
  expect(heap?.slope).toBeCloseTo(1, 1);
});

test('a short run is not judged', () => {
  expect(judgeMemory(run((at) => ({ rss: at * 10 }), JUDGED_FROM - 1))).toEqual([]);
});

const known = { 'small 200': 10, 'unmatched 404': 3 };

test('counts that agree', () => {
  expect(compareCounts({ known, unknown: {} }, { ...known })).toEqual([]);
});

test('an answer that was seen and not counted', () => {
  expect(compareCounts({ known, unknown: { small: 5 } }, { ...known, 'small 200': 9 })).toEqual([
    'small 200: 1 not counted',
  ]);
});

test('what was counted and seen by nobody, and what may be', () => {
  const counted = { ...known, 'small 499': 2, 'small 200': 11 };
  expect(compareCounts({ known, unknown: {} }, counted)).toEqual([
    'counted and seen by no client (0 may be): small 200: 1, small 499: 2',
  ]);
  expect(compareCounts({ known, unknown: { small: 3 } }, counted)).toEqual([]);
  expect(compareCounts({ known, unknown: { small: 2 } }, counted)).toHaveLength(1);
});

test('an exposition is read', () => {
  const metrics = readMetrics(`# HELP a b
# TYPE ferrogate_http_requests_total counter
ferrogate_http_requests_total{service="s",endpoint="small",method="GET",status_code="200"} 7
ferrogate_http_requests_total{service="s",endpoint="small",method="POST",status_code="200"} 2
ferrogate_parked_requests 4
`);
  expect(countsOf(metrics)).toEqual({ 'small 200': 9 });
  expect(total(metrics, 'ferrogate_parked_requests')).toBe(4);
});
