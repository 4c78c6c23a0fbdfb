// The resolver of this machine, asked only about names that need no network.
import { expect, it } from 'vitest';
import { systemResolver } from '../../src/targets/resolver.ts';

it('finds localhost without the DNS', async () => {
  const found = await systemResolver().lookup('localhost');
  expect(found.every((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
  expect(found.length).toBeGreaterThan(0);
});

it('does not ask the DNS about names of one label', async () => {
  expect(await systemResolver().ttl('localhost')).toBeUndefined();
});
