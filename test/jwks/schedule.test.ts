// When a key set is fetched next.
import { describe, expect, it } from 'vitest';
import { freshFor, refreshAfter, retryAfter } from '../../src/jwks/schedule.ts';

describe('freshFor', () => {
  it.each([
    [undefined, undefined, undefined],
    ['', undefined, undefined],
    ['public', undefined, undefined],
    ['max-age=300', undefined, 300_000],
    ['public, Max-Age=300, must-revalidate', undefined, 300_000],
    ['max-age="300"', undefined, 300_000],
    ['max-age=300', '100', 200_000],
    ['max-age=300', 'soon', 300_000],
    ['max-age=300', '299', 60_000],
    ['max-age=5', undefined, 60_000],
    ['max-age=0', undefined, 60_000],
    ['max-age=99999999999999999999', undefined, 86_400_000],
    ['max-age=1e3', undefined, undefined],
    ['max-age=-5', undefined, undefined],
    ['s-max-age=300', undefined, undefined],
    ['no-store, max-age=3600', undefined, 60_000],
    ['no-cache', undefined, 60_000],
  ])('cache-control %j with age %j is %j ms', (cacheControl, age, fresh) => {
    expect(freshFor({ 'cache-control': cacheControl, age }, 0)).toBe(fresh);
  });

  const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const later = 'Sun, 06 Nov 1994 08:54:37 GMT';
  const received = Date.parse(date) + 100_000;

  it.each([
    [{ expires: later, date }, 300_000],
    [{ expires: later, date, age: '100' }, 200_000],
    [{ expires: later }, 200_000],
    [{ expires: later, date: 'now' }, 200_000],
    [{ expires: date, date: later }, 60_000],
    [{ expires: '0' }, 60_000],
    [{ expires: '' }, 60_000],
    [{ expires: 'Sun, 06 Nov 2094 08:49:37 GMT', date }, 86_400_000],
    [{ expires: later, date, 'cache-control': 'max-age=120' }, 120_000],
    [{ expires: later, date, 'cache-control': 'no-cache' }, 60_000],
  ])('%j is %d ms', (fields, fresh) => {
    expect(freshFor(fields, received)).toBe(fresh);
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
