// Options of API keys: what a list becomes, and what is refused; no hash is ever shown.
import { describe, expect, it } from 'vitest';
import { maskConfig } from '../../src/config/mask.ts';
import { parseConfig, toPlan } from '../../src/config/parse.ts';

const hash = (digit: string): string => `sha256:${digit.repeat(64)}`;
const config = (partners: unknown, route: object = { apiKey: 'partners' }): unknown => ({
  apiKeys: { partners },
  issuers: { main: { issuer: 'https://id.test', audience: false, jwks: 'https://id.test/jwks' } },
  upstreams: { u: { targets: ['http://127.0.0.1:1'] } },
  routes: [{ match: { path: '/' }, upstream: 'u', ...route }],
});
const one = { id: 'a', hash: hash('1') };
const list = { keys: [one] };

describe('a list of API keys', () => {
  it('becomes a plan, each key with its claims', () => {
    const key = {
      id: 'acme-2',
      hash: hash('2'),
      subject: 'acme',
      scopes: ['read', 'write'],
      claims: { tenant_id: 7 },
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2027-01-01T00:00:00Z',
    };
    const written = { header: 'X-Key', keys: [one, key], failureLimit: { rate: 5 } };
    const plan = toPlan(parseConfig(config(written, { apiKey: { keys: 'partners', scopes: ['read'] } })));
    expect(plan.apiKeys).toEqual([
      {
        id: 'partners',
        header: 'x-key',
        failures: { rate: 5, perMs: 1000, burst: 5 },
        keys: [
          {
            id: 'a',
            hash: '1'.repeat(64),
            notBefore: null,
            notAfter: null,
            claims: '{"sub":"a","key_id":"a"}',
          },
          {
            id: 'acme-2',
            hash: '2'.repeat(64),
            notBefore: 1_767_225_600,
            notAfter: 1_798_761_600,
            claims: '{"tenant_id":7,"sub":"acme","key_id":"acme-2","scope":"read write"}',
          },
        ],
      },
    ]);
    expect(plan.routes[0]?.apiKey).toEqual({ keys: 'partners', scopes: ['read'] });
  });

  it('has defaults', () => {
    const plan = toPlan(parseConfig(config(list)));
    expect(plan.apiKeys[0]).toMatchObject({
      header: 'x-api-key',
      failures: { rate: 20, perMs: 1000, burst: 100 },
    });
    expect(plan.routes[0]).toMatchObject({ apiKey: { keys: 'partners', scopes: [] }, jwt: null });
  });

  it.each([
    [
      { keys: [{ id: 'a', hash: 'secret' }] },
      {},
      'apiKeys.partners.keys[0].hash: expected "sha256:" and 64 hex digits',
    ],
    [
      { keys: [one, { ...one, hash: hash('2') }] },
      {},
      'apiKeys.partners.keys[1].id: expected one that no other key has',
    ],
    [
      { keys: [one, { ...one, id: 'b' }] },
      {},
      'apiKeys.partners.keys[1].hash: expected one that no other key has',
    ],
    [
      { keys: [{ ...one, claims: { sub: 'x' } }] },
      {},
      'apiKeys.partners.keys[0].claims.sub: expected a claim that no',
    ],
    [
      { keys: [{ ...one, notAfter: '2027-13-01T00:00:00Z' }] },
      {},
      'apiKeys.partners.keys[0].notAfter: expected a moment',
    ],
    [
      { keys: [{ ...one, notBefore: '2027-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' }] },
      {},
      'apiKeys.partners.keys[0].notAfter: expected a moment after "notBefore"',
    ],
    [
      list,
      { apiKey: 'partner' },
      'routes[0].apiKey: expected the id of a list of API keys, received "partner"',
    ],
    [
      list,
      { apiKey: { keys: 'x' } },
      'routes[0].apiKey.keys: expected the id of a list of API keys, received "x"',
    ],
    [list, { apiKey: 'partners', jwt: 'main' }, 'routes[0].apiKey: expected nothing beside "jwt"'],
  ])('%j %j', (partners, route, message) => {
    const act = (): unknown => parseConfig(config(partners, { apiKey: 'partners', ...route }));
    expect(act).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }));
    expect(act).not.toThrow(expect.objectContaining({ message: expect.stringMatching(/secret|1111/) }));
  });

  it('is shown without hashes', () => {
    expect(JSON.stringify(maskConfig(config(list)))).not.toContain('1111');
  });

  it('may be left out on a route of a group that has one', () => {
    expect(toPlan(parseConfig(config(list, { apiKey: false, jwt: 'main' }))).routes[0]?.apiKey).toBeNull();
  });
});
