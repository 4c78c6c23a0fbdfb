// When a key set is fetched next: pure arithmetic on what the server said and how often it failed; it reads no clock.

const minute = 60_000;
/** Age-out of a key set whose server names none. */
const defaultAge = 10 * minute;
const minAge = minute;
const maxAge = 24 * 60 * minute;
const firstRetry = 1_000;
const lastRetry = minute;

/**
 * Milliseconds for which a key set is fresh, by RFC 9111 section 5.2.2: `max-age` less the `Age` that it already has,
 * held between one minute and one day; ten minutes when nothing is said, one minute for `no-store` and `no-cache`.
 */
export function freshFor(cacheControl: string | null, age: string | null): number {
  const directives = (cacheControl ?? '')
    .toLowerCase()
    .split(',')
    .map((text) => text.trim());
  if (directives.includes('no-store') || directives.includes('no-cache')) return minAge;
  const stated = directives
    .map((text) => /^max-age\s*=\s*"?([0-9]+)"?$/.exec(text)?.[1])
    .find((digits) => digits !== undefined);
  if (stated === undefined) return defaultAge;
  const spent = age !== null && /^[0-9]{1,10}$/.test(age.trim()) ? Number(age) : 0;
  return Math.min(maxAge, Math.max(minAge, (Number(stated) - spent) * 1000));
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
