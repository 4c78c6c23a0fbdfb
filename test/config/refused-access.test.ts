// Everything that may be wrong with what is said of access and claims, and the exact line that says so.
import { describe, expect, it } from 'vitest';
import { config, issuer, route, wrong, wrongRoute } from './support.ts';

const action =
  'expected an action such as "update:doc:{id}": 1 to 8 segments of visible ASCII without "*", or parameters in braces';
const scalar = 'expected a string of at most 2048 characters, a number, true or false';

describe('a wrong policy', () => {
  it.each([
    [true, 'access: expected an object or false, received true'],
    [{}, 'access: expected one of scopes, roles, action, tenant, projectScope, rules, received an object'],
    [{ role: 'a' }, 'access.role: expected a known name, received "role" (did you mean "roles"?)'],
    [
      { roles: {} },
      'access.roles: expected "allOf", "anyOf", or "rules" that ask for roles, received an object',
    ],
    [
      { roles: { anyOf: [''] } },
      'access.roles.anyOf[0]: expected a role of 1 to 256 characters, received ""',
    ],
    [
      { roles: { anyOf: ['a', 'a'] } },
      'access.roles.anyOf[1]: expected a value that is not in the list yet, received "a"',
    ],
    [{ scopes: {} }, 'access.scopes: expected "allOf" or "anyOf", received an object'],
    [
      { scopes: { anyOf: ['a b'] } },
      'access.scopes.anyOf[0]: expected a scope without spaces, quotes and backslashes, received "a b"',
    ],
    [{ action: { name: 'a:*' } }, `access.action.name: ${action}, received "a:*"`],
    [{ action: { name: 'a::b' } }, `access.action.name: ${action}, received "a::b"`],
    [{ action: { name: 'a:x{id}' } }, `access.action.name: ${action}, received "a:x{id}"`],
    [
      { action: { name: 'a:b:c:d:e:f:g:h:i' } },
      `access.action.name: ${action}, received "a:b:c:d:e:f:g:h:i"`,
    ],
    [
      { action: 'a b' },
      'access.action: expected an action such as "update:doc:{id}", or an object {"name", "claim"}, received "a b"',
    ],
    [
      { action: { claim: 'x' } },
      'access.action.name: expected an action, or "rules" that ask for some, received nothing',
    ],
    [
      { tenant: 'tenant' },
      'access.tenant: expected a parameter such as "{tenant}", or an object {"param" or "header", "claim"}, received "tenant"',
    ],
    [{ tenant: { claim: 'x' } }, 'access.tenant: expected either "param" or "header", received nothing'],
    [
      { tenant: { param: 'id', header: 'b' } },
      'access.tenant: expected either "param" or "header", received "id"',
    ],
    [
      { projectScope: { header: 'a b' } },
      'access.projectScope.header: expected a header name, received "a b"',
    ],
    [{ rules: [] }, 'access.rules: expected a list of 1 to 64 rules, received an empty list'],
    [{ rules: [{}] }, 'access.rules[0]: expected either "allow" or "deny", received nothing'],
    [
      { rules: [{ allow: 'all', deny: 'all' }] },
      'access.rules[0]: expected either "allow" or "deny", received "all"',
    ],
    [
      { rules: [{ allow: 'everyone' }] },
      'access.rules[0].allow: expected a condition such as {"role": "admin"}, or "all", received "everyone"',
    ],
    [
      { rules: [{ allow: {} }] },
      'access.rules[0].allow: expected at least one name, such as {"role": "admin"}, received an object',
    ],
    [
      { rules: [{ deny: { not: [{}] } }] },
      'access.rules[0].deny.not[0]: expected at least one name, such as {"role": "admin"}, received an object',
    ],
    [
      { rules: [{ deny: { any: [{ any: [{ role: 'a' }] }] } }] },
      'access.rules[0].deny.any[0].any: expected one of role, scope, action, claims, method, client, received "any"',
    ],
    [
      { rules: [{ allow: { role: [] } }] },
      'access.rules[0].allow.role: expected a role, or a list of roles, received an empty list',
    ],
    [
      { rules: [{ allow: { client: '10.0.0.0/33' } }] },
      'access.rules[0].allow.client: expected an address or a network such as "10.0.0.0/8", or a list of addresses and networks, received "10.0.0.0/33"',
    ],
    [
      { rules: [{ allow: { method: 'get' } }] },
      'access.rules[0].allow.method: expected a method, or a list of methods, received "get"',
    ],
    [
      { rules: [{ allow: { claims: {} } }] },
      'access.rules[0].allow.claims: expected at least one claim, received an object',
    ],
  ])('%j', (access, line) => expect(wrongRoute(route({ jwt: 'main', access }))).toEqual([line]));

  it.each([
    [{ roles: { anyOf: ['a'] } }],
    [{ tenant: '{id}' }],
    [{ rules: [{ deny: { not: [{ role: 'a' }] } }] }],
    [{ rules: [{ allow: { claims: { a: {} } } }] }],
  ])('without a token: %j', (access) => {
    const line = 'access: expected nothing unless the route has a "jwt" or an "apiKey", received an object';
    expect(wrongRoute(route({ access }))).toEqual([line]);
    expect(wrongRoute(route({ access, jwt: false }))).toEqual([line]);
  });

  it('needs no token where only the request is asked', () => {
    const access = { rules: [{ allow: { method: 'GET', any: [{ client: '10.0.0.0/8' }] } }] };
    expect(wrongRoute(route({ access }))).toEqual([]);
    expect(wrongRoute(route({ access: false }))).toEqual([]);
  });
});

describe('parameters that the path lacks', () => {
  it.each([
    [{ action: 'a:{doc}' }, 'access.action: expected parameters of the path: id, received "a:{doc}"'],
    [
      { action: { name: '{id}:{Id}' } },
      'access.action.name: expected parameters of the path: id, received "{id}:{Id}"',
    ],
    [{ tenant: '{tenant}' }, 'access.tenant: expected parameters of the path: id, received "{tenant}"'],
    [
      { projectScope: { param: 'p' } },
      'access.projectScope.param: expected parameters of the path: id, received "p"',
    ],
    [
      { rules: [{ allow: 'all' }, { deny: { not: [{ action: 'a:{id}:{x}' }] } }] },
      'access.rules[1].deny.not[0].action: expected parameters of the path: id, received "a:{id}:{x}"',
    ],
  ])('%j', (access, line) => expect(wrongRoute(route({ jwt: 'main', access }))).toEqual([line]));

  it.each([
    ['/a', 'access.tenant: expected no parameter, as the path has none, received "{t}"'],
    ['/:x(a|b)/*rest', 'access.tenant: expected parameters of the path: x, rest, received "{t}"'],
  ])('of %s', (path, line) =>
    expect(wrongRoute(route({ match: { path }, jwt: 'main', access: { tenant: '{t}' } }))).toEqual([line]),
  );
});

describe('wrong demands', () => {
  it.each([
    [
      { claims: { a: { required: false } } },
      'claims.a.required: expected true, or what the claim must be where it is there, received false',
    ],
    [{ claims: { a: { equals: null } } }, `claims.a.equals: ${scalar}, received null`],
    [{ claims: { a: { equals: ['x'] } } }, `claims.a.equals: ${scalar}, received a list`],
    [{ claims: { a: { equals: 2 ** 53 } } }, `claims.a.equals: ${scalar}, received 9007199254740992`],
    [
      { claims: { a: { equals: 1, anyOf: [1] } } },
      'claims.a.equals: expected nothing beside "anyOf", received 1',
    ],
    [
      { claims: { a: { anyOf: [] } } },
      'claims.a.anyOf: expected a list of one or more values, received an empty list',
    ],
    [
      { claims: { a: { pattern: '' } } },
      'claims.a.pattern: expected a regular expression of 1 to 512 characters, received ""',
    ],
    [{ claims: { a: { matches: 'x' } } }, /^claims\.a\.matches: expected/],
    [
      { authorizedParties: [] },
      'authorizedParties: expected a list of one or more clients, received an empty list',
    ],
    [{ type: 'a b' }, 'type: expected a media type such as "at+jwt", received "a b"'],
    [
      { maxTokenAge: '100ms' },
      'maxTokenAge: expected a duration of whole seconds from "1s" to "366d", received "100ms"',
    ],
  ])('%j', (demands, line) => {
    const expected = (at: string) =>
      typeof line === 'string' ? `${at}.${line}` : expect.stringMatching(/matches: expected/);
    expect(wrongRoute(route({ jwt: { issuer: 'main', ...demands } }))).toEqual([expected('jwt')]);
    const issuers = { main: { ...issuer, ...demands } };
    expect(wrong(config({ issuers }))).toEqual([expected('issuers.main')]);
  });
});
