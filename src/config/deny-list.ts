// Options of the deny-list of an issuer: where gateways share it, and what happens while it cannot be had.
import { z } from 'zod';
import { identifier } from './names.ts';
import { choice, conflict, expecting, integer, option, optional, section, withDefault } from './option.ts';
import type { PlanIssuer } from './plan.ts';
import { duration } from './units.ts';

const sharedOnly = ['fallback', 'maxStale', 'refresh'] as const;
const defaults = { fallback: 'closed', maxStale: 10_000, refresh: 500 } as const;

export const denyFallback = (): z.ZodEnum<{ closed: 'closed'; open: 'open' }> => choice('closed', 'open');

export const denyListSection = section(
  { name: 'DenyListConfig', text: 'Tokens that are refused before they expire; see `gateway.deny`.' },
  {
    store: option(
      optional(identifier(), 'none: the list is of this process alone'),
      'Id under `stores`: every gateway that names it shares the list.',
    ),
    fallback: option(
      optional(denyFallback(), '`"closed"`'),
      'What happens to tokens while it is not known which are denied: `"closed"` answers 503, `"open"` lets them pass. Those that are known to be denied are refused either way. Only with `store`.',
    ),
    maxStale: option(
      optional(duration('1s', '1h'), '`"10s"`'),
      'How long the store may be away before it counts as not known. At least twice `refresh`. Only with `store`.',
    ),
    refresh: option(
      optional(duration('50ms', '1m'), '`"500ms"`'),
      'How often the store is asked whether a message of it was missed. Only with `store`.',
    ),
    keep: option(
      withDefault(duration('1s', '366d', true), '7d'),
      'How long an entry holds that does not say: at least as long as a token lives.',
    ),
    maxEntries: option(withDefault(integer(1, 10_000_000), 100_000), 'Entries at most; one more is refused.'),
  },
).superRefine((list, context) => {
  for (const name of sharedOnly) {
    if (list.store !== undefined || list[name] === undefined) continue;
    context.addIssue(conflict([name], 'nothing without a "store"', list[name]));
  }
  const { maxStale = defaults.maxStale, refresh = defaults.refresh } = list;
  if (maxStale >= 2 * refresh) return;
  context.addIssue(conflict(['maxStale'], 'at least twice "refresh"', list.maxStale));
});

export const denyListOption = expecting(
  z.union([denyListSection, z.boolean()]),
  'an object {"store", …}, true or false',
);

type DenyListOption = z.output<typeof denyListOption> | undefined;

/** A deny-list as the control plane keeps it. */
export interface DenyListSettings {
  /** The id under `issuers`. */
  readonly issuer: string;
  /** The `iss`: whose tokens the entries name. */
  readonly iss: string;
  /** The id under `stores`; null: of this process alone. */
  readonly store: string | null;
  readonly refreshMs: number;
  readonly maxStaleMs: number;
  readonly keepSeconds: number;
  /** A token may be used for so long after it has expired. */
  readonly skewSeconds: number;
  readonly maxEntries: number;
}

/** As the data plane wants it; null where no token is denied. */
export function planDenyList(option: DenyListOption): PlanIssuer['denyList'] {
  const list = written(option);
  if (list === null) return null;
  const { store, fallback = defaults.fallback, maxStale = defaults.maxStale, maxEntries } = list;
  return { maxEntries, maxStaleMs: store === undefined ? null : maxStale, fallback };
}

/** As the control plane wants it. */
export function denyListSettings(
  issuer: string,
  { issuer: iss, denyList, clockSkew }: { issuer: string; denyList?: DenyListOption; clockSkew: number },
): DenyListSettings | null {
  const list = written(denyList);
  if (list === null) return null;
  const { refresh = defaults.refresh, maxStale = defaults.maxStale } = list;
  return {
    issuer,
    iss,
    store: list.store ?? null,
    refreshMs: refresh,
    maxStaleMs: maxStale,
    keepSeconds: list.keep / 1000,
    skewSeconds: clockSkew / 1000,
    maxEntries: list.maxEntries,
  };
}

function written(option: DenyListOption): z.output<typeof denyListSection> | null {
  if (option === undefined || option === false) return null;
  return option === true ? denyListSection.parse({}) : option;
}
