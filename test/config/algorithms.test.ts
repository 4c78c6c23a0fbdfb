// Which algorithms an issuer may list: those of public keys, by their exact names.
import { expect, it } from 'vitest';
import { config, issuer, wrong } from './support.ts';

const expected = 'one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, Ed25519';

it.each(['none', 'HS256', 'HS512', 'ES512', 'ES256K', 'Ed448', 'rs256', ''])('%j is refused', (name) => {
  expect(wrong(config({ issuers: { main: { ...issuer, algorithms: ['RS256', name] } } }))).toEqual([
    `issuers.main.algorithms[1]: expected ${expected}, received ${JSON.stringify(name)}`,
  ]);
});

it.each([
  [[], 'algorithms: expected a list of one or more algorithms, received an empty list'],
  [['RS256', 'RS256'], 'algorithms[1]: expected a value that is not in the list yet, received "RS256"'],
])('a list %j is refused', (algorithms, line) => {
  expect(wrong(config({ issuers: { main: { ...issuer, algorithms } } }))).toEqual([`issuers.main.${line}`]);
});
