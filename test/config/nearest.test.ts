import { expect, it } from 'vitest';
import { nearest } from '../../src/config/nearest.ts';

const names = ['timeout', 'idleTimeout', 'totalTimeout', 'limits', 'jwt', 'id', 'preserveHost'];

it.each([
  ['timout', 'timeout'],
  ['Timeout', 'timeout'],
  ['tiemout', 'timeout'],
  ['idletimeout', 'idleTimeout'],
  ['limit', 'limits'],
  ['JWT', 'jwt'],
  ['jtw', 'jwt'],
  ['ID', 'id'],
  ['ip', undefined],
  ['preservehosts', 'preserveHost'],
  ['handler', undefined],
  ['', undefined],
  ['t'.repeat(1000), undefined],
])('the name nearest to %j is %j', (name, known) => expect(nearest(name, names)).toBe(known));
