// What is told of key sets: refreshes, failures by class, age, what comes next; how many keys are usable is counted where they are used.
import type { MetricFamily, MetricSample } from '../native/calls.ts';
import type { KeySourceState } from './tally.ts';

type States = readonly (readonly [id: string, state: KeySourceState])[];

/** The families of these sources at `now`. */
export function keySetFamilies(states: States, now: number): MetricFamily[] {
  return [refreshes(states), failures(states), ...gauges(states, now)];
}

function refreshes(states: States): MetricFamily {
  const samples = states.flatMap(([issuer, { loaded, failed }]) => [
    { labels: { issuer, outcome: 'loaded' }, value: loaded },
    { labels: { issuer, outcome: 'failed' }, value: failed },
  ]);
  const help = 'Key sets fetched, by issuer and outcome.';
  return { name: 'ferrogate_key_set_refreshes_total', help, type: 'counter', samples };
}

function failures(states: States): MetricFamily {
  const samples = states.flatMap(([issuer, state]) =>
    [...state.failures].map(([reason, value]) => ({ labels: { issuer, reason }, value })),
  );
  const help = 'Key sets that could not be had, by issuer and class of failure.';
  return { name: 'ferrogate_key_set_failures_total', help, type: 'counter', samples };
}

function gauges(states: States, now: number): MetricFamily[] {
  return [
    gauge(
      states,
      'ferrogate_key_set_failures_in_a_row',
      'Fetches of the key set that failed since the last good one, by issuer.',
      ({ failedInARow }) => failedInARow,
    ),
    gauge(
      states,
      'ferrogate_key_set_age_seconds',
      'Seconds since the last good key set came, by issuer; -1 before the first.',
      ({ loadedAt }) => (loadedAt === null ? -1 : Math.max(0, now - loadedAt) / 1000),
    ),
    gauge(
      states,
      'ferrogate_key_set_next_refresh_seconds',
      'Seconds until the key set is fetched anew, by issuer; -1 when it is not.',
      ({ nextAt }) => (nextAt === null ? -1 : Math.max(0, nextAt - now) / 1000),
    ),
    gauge(
      states,
      'ferrogate_key_set_expired',
      'Whether the keys of an issuer are too old, so that its tokens are refused.',
      ({ isExpired }) => Number(isExpired),
    ),
  ];
}

function gauge(
  states: States,
  name: string,
  help: string,
  read: (state: KeySourceState) => number,
): MetricFamily {
  const samples: MetricSample[] = states.map(([issuer, state]) => ({
    labels: { issuer },
    value: read(state),
  }));
  return { name, help, type: 'gauge', samples };
}
