// When a key set is fetched next.
import { describe, expect, it } from 'vitest';
import { freshFor, refreshAfter, retryAfter } from '../../src/jwks/schedule.ts';

describe('freshFor', () => {
  it.each([
    [null, null, 600_000],
    ['', null, 600_000],
    ['public', null, 600_000],
    ['max-age=300', null, 300_000],
    ['public, Max-Age=300, must-revalidate', null, 300_000],
    ['max-age="300"', null, 300_000],
    ['max-age=300', '100', 200_000],
    ['max-age=300', 'soon', 300_000],
    ['max-age=300', '299', 60_000],
    ['max-age=5', null, 60_000],
    ['max-age=0', null, 60_000],
    ['max-age=99999999999999999999', null, 86_400_000],
    ['max-age=1e3', null, 600_000],
    ['max-age=-5', null, 600_000],
    ['s-max-age=300', null, 600_000],
    ['no-store, max-age=3600', null, 60_000],
    ['no-cache', null, 60_000],
  ])('cache-control %j with age %j is %d ms', (cacheControl, age, fresh) => {
    expect(freshFor(cacheControl, age)).toBe(fresh);
  });
});

describe('refreshAfter', () => {
  it.each([
    [600_000, 0, 480_000],
    [600_000, 0.5, 510_000],
    [600_000, 0.999, 539_940],
  ])('%d ms fresh at random %d waits %d ms', (fresh, random, wait) => {
    expect(refreshAfter(fresh, random)).toBe(wait);
  });
});

describe('retryAfter', () => {
  it.each([
    [1, 0, 1_000],
    [1, 1, 500],
    [2, 0, 2_000],
    [6, 0, 32_000],
    [7, 0, 60_000],
    [1_000_000, 0, 60_000],
    [1_000_000, 1, 30_000],
  ])('after %d failures at random %d waits %d ms', (failures, random, wait) => {
    expect(retryAfter(failures, random)).toBe(wait);
  });
});
