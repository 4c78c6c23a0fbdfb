// Stores: what their URLs say, and what is refused.
import { describe, expect, test } from 'vitest';
import { parseConfig, toPlan } from '../../src/config/index.ts';
import { parseStoreUrl } from '../../src/config/store.ts';
import { config, wrong } from './support.ts';

const plain = { kind: 'single', tls: false, primary: null, username: null, password: null, database: 0 };
const one = [{ host: '127.0.0.1', port: 6379 }];

describe('a store URL', () => {
  test.each([
    ['redis://127.0.0.1', { ...plain, nodes: one }],
    ['redis://127.0.0.1:6380/3', { ...plain, nodes: [{ host: '127.0.0.1', port: 6380 }], database: 3 }],
    ['redis://[::1]:7000', { ...plain, nodes: [{ host: '::1', port: 7000 }] }],
    ['rediss://:p%40ss@127.0.0.1', { ...plain, nodes: one, tls: true, password: 'p@ss' }],
    ['redis://app:secret@127.0.0.1', { ...plain, nodes: one, username: 'app', password: 'secret' }],
    [
      'redis-sentinel://a,b:26380/main/2',
      {
        ...plain,
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 26380 },
        ],
        primary: 'main',
        database: 2,
      },
    ],
    [
      'redis-cluster://a:7001,b:7002',
      {
        ...plain,
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 7001 },
          { host: 'b', port: 7002 },
        ],
      },
    ],
  ])('%s', (url, expected) => {
    expect(parseStoreUrl(url)).toEqual(expected);
  });

  test.each([
    'http://127.0.0.1',
    'redis://',
    'redis://a,b',
    'redis://a:0',
    'redis://a:65536',
    'redis://a:1x',
    'redis://[127.0.0.1]',
    'redis://a/-1',
    'redis://a/1/2',
    'redis://a/65536',
    'redis://a?db=1',
    'redis://a#1',
    'redis://%zz@a',
    'redis://a b',
    'redis-cluster://a/1',
    'redis-sentinel://a',
    'redis-sentinel://a/main/x',
  ])('%s is none', (url) => {
    expect(parseStoreUrl(url)).toBeUndefined();
  });
});

test('what names a store names one that there is', () => {
  expect(wrong(config({ stores: { main: { url: 'redis://user:hidden@a,b' } } })).join('\n')).toMatch(
    /^stores\.main\.url: expected a URL such as "redis:\/\/127\.0\.0\.1:6379\/0"(?!.*hidden)/,
  );
  expect(
    wrong(config({ stores: { main: { url: 'redis://a', tls: { ca: '-----BEGIN CERTIFICATE-----' } } } })),
  ).toEqual(['stores.main.tls.ca: expected nothing unless the URL is one of "rediss", received "***"']);
});

test('what belongs to a store says nothing without one', () => {
  const stores = { main: { url: 'redis://a' } };
  const of = (limit: object, more: object = {}): string[] =>
    wrong(config({ limits: { perClient: { rate: 1, per: '1s', ...limit } }, ...more }));
  expect(of({ store: 'main', mode: 'exact', fallback: 'closed', gateways: 3 }, { stores })).toEqual([]);
  expect(of({ store: 'main', mode: 'loose' }, { stores })).toEqual([
    'limits.perClient.mode: expected one of "leased", "exact", received "loose"',
  ]);
  expect(of({ mode: 'exact', fallback: 'open', gateways: 2 })).toEqual([
    'limits.perClient.mode: expected nothing without "store", received "exact"',
    'limits.perClient.fallback: expected nothing without "store", received "open"',
    'limits.perClient.gateways: expected nothing without "store", received 2',
  ]);
});

test('a limit in a store is leased, with a local fallback, unless it says otherwise', () => {
  const fleet = { rate: 1, per: '1s', store: 'main' };
  const parsed = parseConfig(config({ stores: { main: { url: 'redis://a' } }, limits: { fleet } }));
  expect(toPlan(parsed).limits[0]?.fleet).toEqual({
    store: 'main',
    mode: 'leased',
    fallback: 'local',
    gateways: null,
  });
});
