// Keys over hours: used while no others can be had, too old at last, back again; and what is counted meanwhile.
import { describe, expect, it } from 'vitest';
import { bench, inline, keys, keysWith, remote, status } from './support.ts';

const at = bench();

describe('keys that grow old', () => {
  const hour = 3_600_000;

  it('are used until they are too old, then refused, and are back with the next good set', async () => {
    at.begin(remote('main', at.server.url, { maxStaleMs: hour }));
    await at.sink.until(1);
    await at.armed();
    // The hour counts from the last good set, not from the first.
    at.pass(at.nextIn());
    await at.sink.until(2);
    await at.armed();
    at.server.answer = status(500);
    // The retries of that hour, up to the moment when it is over.
    for (let left = hour; left > 0; ) {
      const wait = Math.min(left, at.nextIn());
      expect(at.values().ferrogate_key_set_expired).toEqual([['main', 0]]);
      at.pass(wait);
      left -= wait;
      await at.armed();
    }
    expect(new Set(at.sink.seen.slice(2, -1))).toEqual(new Set(['main failed']));
    expect(at.sink.seen.at(-1)).toBe('main expired');
    expect(at.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    const before = at.sink.seen.length;
    at.pass(at.nextIn());
    await at.armed();
    expect(at.sink.seen.slice(before)).toEqual(['main failed']);
    expect(at.values().ferrogate_key_set_expired).toEqual([['main', 1]]);
    at.server.answer = keys('k1');
    at.pass(at.nextIn());
    await at.sink.until(before + 2);
    expect(at.sink.seen.at(-1)).toBe('main: k1');
    expect(at.values().ferrogate_key_set_expired).toEqual([['main', 0]]);
  });

  it('are fetched anew before they are too old, however long their server calls them fresh', async () => {
    at.server.answer = keysWith({ 'Cache-Control': 'max-age=86400' }, 'k1');
    at.begin(remote('main', at.server.url, { maxStaleMs: hour }));
    await at.sink.until(1);
    await at.armed();
    expect(at.nextIn()).toBe(0.8 * hour);
  });

  it('are used for ever where that is wanted, and when they are inline', async () => {
    at.begin(remote('main', at.server.url, { maxStaleMs: null }), inline('own', 'k1'));
    await at.sink.until(2);
    await at.armed();
    at.server.answer = status(500);
    at.pass(400 * 24 * hour);
    await at.sink.until(3);
    await at.armed();
    expect(at.sink.seen).toEqual(['own: k1', 'main: k1', 'main failed']);
  });

  it('count from the start of a source that never had any: those of the one before are in force', async () => {
    at.server.answer = status(500);
    at.begin(remote('main', at.server.url, { maxStaleMs: 60_000 }));
    await at.sink.until(1);
    await at.armed();
    at.pass(60_000);
    await at.sink.until(3);
    expect(at.sink.seen.at(-1)).toBe('main expired');
  });
});

describe('stats', () => {
  it('counts refreshes, failures and age by issuer', async () => {
    at.server.answer = status(500);
    at.begin(inline('own', 'k1', 'k2'), remote('main', at.server.url));
    await at.sink.until(2);
    await at.armed();
    at.age(250);
    expect(at.values()).toEqual({
      ferrogate_key_set_refreshes_total: [
        ['own loaded', 1],
        ['own failed', 0],
        ['main loaded', 0],
        ['main failed', 1],
      ],
      ferrogate_key_set_failures_total: [['main unavailable', 1]],
      ferrogate_key_set_failures_in_a_row: [
        ['own', 0],
        ['main', 1],
      ],
      ferrogate_key_set_age_seconds: [
        ['own', 0.25],
        ['main', -1],
      ],
      ferrogate_key_set_next_refresh_seconds: [
        ['own', -1],
        ['main', 0.75],
      ],
      ferrogate_key_set_expired: [
        ['own', 0],
        ['main', 0],
      ],
    });
  });
});

it('goes on through a server that comes and goes, and through rotation', async () => {
  at.begin(remote('main', at.server.url));
  await at.sink.until(1);
  for (const round of [1, 2, 3]) {
    await at.armed();
    at.server.answer = status(500);
    at.pass(at.nextIn());
    await at.sink.until(2 * round);
    await at.armed();
    at.server.answer = keys(`k${round}`, `k${round + 1}`);
    at.pass(at.nextIn());
    await at.sink.until(2 * round + 1);
  }
  expect(at.sink.seen).toEqual([
    'main: k1',
    'main failed',
    'main: k1,k2',
    'main failed',
    'main: k2,k3',
    'main failed',
    'main: k3,k4',
  ]);
});
