// What is said of claims and access, and what it becomes in the plan.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type PlanRoute, parseConfig, parseRoute, toPlan } from '../../src/config/index.ts';
import { parseJson } from '../../src/config/jsonc.ts';
import { config, issuer, route } from './support.ts';

const words = { allOf: [], anyOf: [] };
const nothing = {
  scopes: words,
  roles: words,
  rolesClaim: 'roles',
  action: null,
  actionsClaim: 'allowed_actions',
  tenant: null,
  projectScope: null,
  rules: null,
  shadow: false,
};
const accessOf = (access: unknown): PlanRoute['access'] =>
  parseRoute(route({ jwt: 'main', access }), { known: parseConfig(config()).known }).access;

describe('a policy in the plan', () => {
  it.each([
    [{ roles: { anyOf: ['a'] } }, { roles: { allOf: [], anyOf: ['a'] } }],
    [
      { roles: { allOf: ['a', 'b'], claim: 'realm_access.roles' } },
      { roles: { allOf: ['a', 'b'], anyOf: [] }, rolesClaim: 'realm_access.roles' },
    ],
    [
      { scopes: { anyOf: ['r', 'w'] }, shadow: true },
      { scopes: { allOf: [], anyOf: ['r', 'w'] }, shadow: true },
    ],
    [{ action: 'update:doc:{id}' }, { action: 'update:doc:{id}' }],
    [{ action: { name: 'a', claim: 'permissions' } }, { action: 'a', actionsClaim: 'permissions' }],
    [{ tenant: '{id}' }, { tenant: { from: 'param', name: 'id', claim: 'tenant_id' } }],
    [
      { tenant: { header: 'X-Tenant' }, projectScope: { param: 'id' } },
      {
        tenant: { from: 'header', name: 'x-tenant', claim: 'tenant_id' },
        projectScope: { from: 'param', name: 'id', claim: 'project_scope' },
      },
    ],
    [
      { projectScope: { param: 'id', claim: 'projects' } },
      { projectScope: { from: 'param', name: 'id', claim: 'projects' } },
    ],
  ])('%j', (access, expected) => expect(accessOf(access)).toEqual({ ...nothing, ...expected }));

  it.each([
    [{ allow: 'all' }, { effect: 'allow', condition: { kind: 'all', of: [] } }],
    [{ deny: { role: 'a' } }, { effect: 'deny', condition: { kind: 'role', anyOf: ['a'] } }],
    [{ allow: { scope: ['r', 'w'] } }, { effect: 'allow', condition: { kind: 'scope', anyOf: ['r', 'w'] } }],
    [
      { allow: { role: 'a', method: ['GET', 'PUT'], client: '10.0.0.0/8', action: 'read:{id}' } },
      {
        effect: 'allow',
        condition: {
          kind: 'all',
          of: [
            { kind: 'method', anyOf: ['GET', 'PUT'] },
            { kind: 'client', networks: ['10.0.0.0/8'] },
            { kind: 'role', anyOf: ['a'] },
            { kind: 'action', action: 'read:{id}' },
          ],
        },
      },
    ],
    [
      { deny: { not: [{ client: ['10.0.0.0/8', '::1'] }, { role: 'a', scope: 'r' }] } },
      {
        effect: 'deny',
        condition: {
          kind: 'none',
          of: [
            { kind: 'client', networks: ['10.0.0.0/8', '::1'] },
            {
              kind: 'all',
              of: [
                { kind: 'scope', anyOf: ['r'] },
                { kind: 'role', anyOf: ['a'] },
              ],
            },
          ],
        },
      },
    ],
    [
      { allow: { any: [{ role: 'a' }, { role: 'b' }], all: [{ scope: 'r' }], method: 'GET' } },
      {
        effect: 'allow',
        condition: {
          kind: 'all',
          of: [
            { kind: 'method', anyOf: ['GET'] },
            { kind: 'scope', anyOf: ['r'] },
            {
              kind: 'any',
              of: [
                { kind: 'role', anyOf: ['a'] },
                { kind: 'role', anyOf: ['b'] },
              ],
            },
          ],
        },
      },
    ],
    [
      { allow: { claims: { 'org.plan': { equals: 'pro' }, level: { required: false, anyOf: [1, true] } } } },
      {
        effect: 'allow',
        condition: {
          kind: 'claims',
          claims: [
            { name: 'org.plan', required: true, anyOf: ['pro'], contains: null, pattern: null },
            { name: 'level', required: false, anyOf: [1, true], contains: null, pattern: null },
          ],
        },
      },
    ],
  ])('rule %j', (rule, expected) =>
    expect(accessOf({ rules: [rule] })).toEqual({ ...nothing, rules: [expected] }),
  );

  it('is none where the route has none', () => {
    expect(accessOf(false)).toBeNull();
    expect(accessOf(undefined)).toBeNull();
  });
});

describe('docs/roles.md', () => {
  const page = readFileSync(new URL('../../docs/roles.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/```jsonc\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');

  it('has examples that are taken as they are written', () => {
    const plans = examples.map((text) => toPlan(parseConfig(parseJson(text, true))));
    expect(plans.map(({ routes }) => routes.length)).toEqual([1, 3, 2, 2]);
    expect(plans.flatMap(({ routes }) => routes).filter(({ access }) => access !== null)).toHaveLength(7);
  });
});

describe('demands on tokens in the plan', () => {
  const demands = {
    claims: { tenant_id: {}, sub: { pattern: '^user:[0-9]+$' }, groups: { contains: 'ops' } },
    authorizedParties: ['web'],
    type: 'at+jwt',
    maxTokenAge: '10m',
  };
  const planned = {
    claims: [
      { name: 'tenant_id', required: true, anyOf: null, contains: null, pattern: null },
      { name: 'sub', required: true, anyOf: null, contains: null, pattern: '^user:[0-9]+$' },
      { name: 'groups', required: true, anyOf: null, contains: 'ops', pattern: null },
    ],
    authorizedParties: ['web'],
    tokenType: 'at+jwt',
    maxAgeSeconds: 600,
  };

  it('of an issuer', () => {
    const plan = toPlan(parseConfig(config({ issuers: { main: { ...issuer, ...demands } } })));
    expect(plan.issuers[0]?.demands).toEqual(planned);
  });

  it('of a route', () => {
    const { jwt } = parseRoute(route({ jwt: { issuer: 'main', ...demands } }), {
      known: parseConfig(config()).known,
    });
    expect(jwt).toMatchObject({ issuer: ['main'], demands: planned });
  });
});
