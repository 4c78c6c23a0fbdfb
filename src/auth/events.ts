// Counts what happens to tokens, in a registry of the application; without one it counts nothing.
import { Counter } from 'prom-client';
import type { MetricRegistry } from '../observe/metrics.ts';

/**
 * - `issued`: a session began. - `refreshed`: a refresh token was used. - `repeated`: one was used again within `reuseInterval`.
 * - `reused`: a spent one was used, and its session ended. - `refused`: a request was refused. - `evicted`: a session left for a
 *   newer one. - `ended`: logout or revocation. - `client`: a token by `client_credentials`. - `unavailable`: store or signer away.
 */
export type AuthEvent =
  | 'issued'
  | 'refreshed'
  | 'repeated'
  | 'reused'
  | 'refused'
  | 'evicted'
  | 'ended'
  | 'client'
  | 'unavailable';

export type CountEvent = (event: AuthEvent, times?: number) => void;

const name = 'ferrogate_auth_events_total';

/** Services that share a registry are counted together. */
export function eventCounter(registry: MetricRegistry | undefined): CountEvent {
  if (registry === undefined) return () => {};
  const known = registry.getSingleMetric(name);
  const counter =
    known instanceof Counter
      ? (known as Counter<'event'>)
      : new Counter({
          name,
          help: 'What happened to tokens and sessions of the token service.',
          labelNames: ['event'] as const,
          registers: [registry],
        });
  return (event, times = 1) => counter.inc({ event }, times);
}
