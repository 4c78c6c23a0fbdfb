// Options of a limit that the gateways of a fleet count together: where, how closely, and what holds without it.
import type { z } from 'zod';
import { identifier } from './names.ts';
import { choice, conflict, integer, option, optional } from './option.ts';
import type { PlanFleet } from './plan.ts';

export const fleetOptions = {
  store: option(
    optional(identifier(), 'counted in this process'),
    'The store (of `stores`) in which all gateways that share it count this limit together, as a token bucket.',
  ),
  mode: option(
    optional(choice('leased', 'exact'), '`"leased"`'),
    'With a store. `leased`: each gateway borrows tokens ahead and answers by itself; all gateways together hold at most half of ' +
      'a burst, or one token each, so that many more may pass at once. `exact`: each request asks the store and waits for it.',
  ),
  fallback: option(
    optional(choice('local', 'open', 'closed'), '`"local"`'),
    'With a store, what holds while it gives no answer. `local`: this gateway counts its share of the quota, `open`: every request ' +
      'passes, `closed`: none does (503 `limit_unavailable`).',
  ),
  gateways: option(
    optional(integer(1, 10_000), 'as many as the store last told of'),
    'With a store, how many gateways share the quota while each counts by itself.',
  ),
};

interface FleetLimit {
  readonly algorithm: string;
  readonly cost: number | string;
  readonly warmUp: number;
  readonly store?: string | undefined;
  readonly mode?: PlanFleet['mode'] | undefined;
  readonly fallback?: PlanFleet['fallback'] | undefined;
  readonly gateways?: number | undefined;
}

/** Refuses what says nothing without a store, and what a store does not count. */
export function belongsToStore(limit: FleetLimit, context: z.RefinementCtx): void {
  if (limit.store !== undefined) {
    countsTokens(limit, context);
    return;
  }
  for (const name of ['mode', 'fallback', 'gateways'] as const) {
    if (limit[name] !== undefined) context.addIssue(conflict([name], 'nothing without "store"', limit[name]));
  }
}

/** A store keeps token buckets of which each request takes one token. */
function countsTokens({ algorithm, cost, warmUp }: FleetLimit, context: z.RefinementCtx): void {
  if (algorithm !== 'token-bucket')
    context.addIssue(conflict(['algorithm'], '"token-bucket" with "store"', algorithm));
  if (cost !== 1) context.addIssue(conflict(['cost'], '1 with "store"', cost));
  if (warmUp > 0) context.addIssue(conflict(['warmUp'], '"0ms" with "store"', warmUp));
}

export function planFleet({
  store,
  mode,
  fallback,
  gateways,
}: Pick<FleetLimit, 'store' | 'mode' | 'fallback' | 'gateways'>): PlanFleet | null {
  if (store === undefined) return null;
  return { store, mode: mode ?? 'leased', fallback: fallback ?? 'local', gateways: gateways ?? null };
}
