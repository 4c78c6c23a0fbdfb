// Numbers that single keys of a limit have instead of its own, pushed at run time; the data plane keeps and applies them.
import { parseDuration } from './config/units.ts';
import { GatewayError } from './errors.ts';
import type { Native } from './native/calls.ts';
import type { LimitOverride, LimitOverrideInfo } from './types.ts';

const integers = { rate: 1_000_000_000, burst: 1_000_000_000, maxInFlight: 1_000_000 } as const;

interface PushedRule {
  rate: number;
  perMs: number;
  burst: number;
  maxInFlight: number;
}

/** Those of a core; what waits to be published is published before one is set, since it must fit a limit in force. */
export function limitOverrides(native: Native, publisher: { flush(): void }, core: () => number) {
  return {
    /** Sets or removes the rule of one key; `key` has a value for each part of the limit's key. */
    set(limit: string, key: string | readonly string[], rule: LimitOverride | null): void {
      const values = typeof key === 'string' ? [key] : [...key];
      if (typeof limit !== 'string') throw wrong('limit', 'expected the id of a limit');
      if (values.some((value) => typeof value !== 'string')) throw wrong('key', 'expected texts');
      const text = rule === null ? null : JSON.stringify(pushed(rule));
      publisher.flush();
      native.limitOverride(core(), limit, values, text);
    },
    /** Every rule that was set. */
    list: (): LimitOverrideInfo[] => shown(native.limitOverrides(core())),
  };
}

function shown(json: string): LimitOverrideInfo[] {
  const all = JSON.parse(json) as { limit: string; key: string[]; rule: PushedRule }[];
  return all.map(({ limit, key, rule }) => {
    const { rate, perMs, burst, maxInFlight } = rule;
    const per = perMs === 0 ? {} : { per: `${perMs}ms` as const };
    const counts = Object.entries({ rate, burst, maxInFlight }).filter(([, count]) => count > 0);
    return { limit, key, rule: { ...Object.fromEntries(counts), ...per } };
  });
}

function pushed(rule: LimitOverride): PushedRule {
  const known = ['rate', 'per', 'burst', 'maxInFlight'];
  const unknown = Object.keys(rule).find((option) => !known.includes(option));
  if (unknown !== undefined) throw wrong(unknown, `expected one of ${known.join(', ')}`);
  for (const [option, max] of Object.entries(integers)) {
    const value = rule[option as keyof typeof integers];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= max))
      throw wrong(option, `expected an integer from 1 to ${max}`);
  }
  const perMs = rule.per === undefined ? 0 : parseDuration(rule.per);
  if (perMs === undefined || (rule.per !== undefined && (perMs < 1 || perMs > 31 * 86_400_000)))
    throw wrong('per', 'expected a duration from "1ms" to "31d"');
  return { rate: rule.rate ?? 0, perMs, burst: rule.burst ?? 0, maxInFlight: rule.maxInFlight ?? 0 };
}

function wrong(path: string, message: string): GatewayError {
  const at = `override.${path}`;
  return new GatewayError('ERR_FG_CONFIG_INVALID', `${at}: ${message}`, { issues: [{ path: at, message }] });
}
