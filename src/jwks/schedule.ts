// When a key set is fetched next: pure arithmetic on what the server said and how often it failed; it reads no clock.

const minute = 60_000;
const minAge = minute;
const maxAge = 24 * 60 * minute;
const firstRetry = 1_000;
const lastRetry = minute;

/** The fields of an answer that say how long it is good. */
export interface FreshnessFields {
  readonly 'cache-control'?: string | undefined;
  readonly age?: string | undefined;
  readonly expires?: string | undefined;
  readonly date?: string | undefined;
}

/**
 * Milliseconds for which a key set that came at `received` (since 1970) is fresh, by RFC 9111 sections 4.2.1 and 5.2.2:
 * `max-age`, else `Expires` less `Date`, less the `Age` that it already has; held between one minute and one day. One
 * minute for `no-store`, `no-cache` and an `Expires` that is no date; undefined when nothing is said.
 */
export function freshFor(fields: FreshnessFields, received: number): number | undefined {
  const directives = (fields['cache-control'] ?? '')
    .toLowerCase()
    .split(',')
    .map((text) => text.trim());
  if (directives.includes('no-store') || directives.includes('no-cache')) return minAge;
  const stated = directives
    .map((text) => /^max-age\s*=\s*"?([0-9]+)"?$/.exec(text)?.[1])
    .find((digits) => digits !== undefined);
  const whole = stated === undefined ? untilExpiry(fields, received) : Number(stated) * 1000;
  if (whole === undefined) return undefined;
  const spent = /^[0-9]{1,10}$/.test(fields.age?.trim() ?? '') ? Number(fields.age) * 1000 : 0;
  return Math.min(maxAge, Math.max(minAge, whole - spent));
}

/** IMF-fixdate, the one form that is written (RFC 9110 section 5.6.7). */
const fixdate = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;

function untilExpiry({ expires, date }: FreshnessFields, received: number): number | undefined {
  if (expires === undefined) return undefined;
  const end = dateOf(expires);
  return end === undefined ? 0 : end - (dateOf(date ?? '') ?? received);
}

function dateOf(text: string): number | undefined {
  const time = fixdate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Milliseconds until a set fresh for `fresh` is fetched again: between 80 and 90 % of it, so that it never ages out. */
export function refreshAfter(fresh: number, random: number): number {
  return Math.round(fresh * (0.8 + 0.1 * random));
}

/** Milliseconds until the next try after `failures` in a row (1 = the first): doubling from 1 s to 60 s, less up to half. */
export function retryAfter(failures: number, random: number): number {
  const full = Math.min(lastRetry, firstRetry * 2 ** Math.min(failures - 1, 16));
  return Math.round(full * (1 - 0.5 * random));
}
