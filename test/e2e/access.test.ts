// What a token may do on a route, on real requests: who is let in, what the others are told, and what is counted.
import { describe, expect, it } from 'vitest';
import { adminText, type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { rawRequest, requestText } from '../support/raw.ts';
import { startUpstream } from '../support/upstream.ts';

const issuer = 'https://id.test';
const key = signingKey('main');

const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string =>
  signToken(key, { ...goodClaims(issuer), tenant_id: 'acme', ...claims }, header);

const start = (): Promise<ListeningGateway> =>
  startGateway(
    {
      issuers: {
        main: {
          issuer,
          audience: ['test'],
          jwks: { keys: [key.jwk] },
          realm: 'the shop',
          claims: { tenant_id: { required: true }, sub: { pattern: '[a-z]+' } },
        },
      },
    },
    (gateway) => {
      gateway.group('/t/:tenant', { jwt: 'main', access: { tenant: '{tenant}' } }, (group) => {
        group.get('/docs', ({ claims }) => String(claims?.['sub']));
      });
      gateway.put(
        '/docs/:id',
        { jwt: 'main', access: { action: 'update:doc:{id}' } },
        ({ params }) => params.id,
      );
      gateway.delete(
        '/docs/:id',
        { id: 'delete', jwt: 'main', access: { action: 'delete:doc:{id}', shadow: true } },
        () => 'gone',
      );
      gateway.get(
        '/admin',
        {
          jwt: 'main',
          access: {
            roles: { claim: 'realm_access.roles' },
            rules: [
              { deny: { claims: { suspended: { equals: true } } } },
              { allow: { role: ['admin', 'ops'] } },
            ],
          },
        },
        () => 'admin',
      );
      gateway.get('/scoped', { jwt: 'main', access: { scopes: { anyOf: ['r', 'w'] } } }, () => 'scoped');
      gateway.get('/typed', { jwt: { issuer: 'main', type: 'at+jwt' } }, () => 'typed');
      gateway.get('/near', { access: { rules: [{ allow: { client: '127.0.0.0/8' } }] } }, () => 'near');
      gateway.get(
        '/far',
        { access: { rules: [{ deny: { client: '127.0.0.1' } }, { allow: 'all' }] } },
        () => 'far',
      );
    },
  );

async function ask(
  { port }: ListeningGateway,
  method: string,
  target: string,
  bearer?: string,
  ...lines: string[]
) {
  const own = bearer === undefined ? [] : [`Authorization: Bearer ${bearer}`];
  return rawRequest(port, requestText(method, target, [...own, ...lines]));
}

describe('who is let in', () => {
  it.each([
    ['GET', '/t/acme/docs', token(), 200],
    ['GET', '/t/%61cme/docs', token(), 200],
    ['PUT', '/docs/42', token({ allowed_actions: ['update:doc:*'] }), 200],
    ['PUT', '/docs/%34%32', token({ allowed_actions: ['*:doc:42'] }), 200],
    ['GET', '/admin', token({ realm_access: { roles: ['user', 'ops'] } }), 200],
    ['GET', '/admin', token({ realm_access: { roles: 'admin' } }), 200],
    ['GET', '/scoped', token({ scope: 'w' }), 200],
    ['GET', '/typed', token({}, { typ: 'application/AT+JWT' }), 200],
    ['GET', '/near', undefined, 200],
  ] as const)('%s %s', async (method, target, bearer, status) => {
    const gateway = await start();
    for (let round = 0; round < 2; round += 1)
      expect((await ask(gateway, method, target, bearer)).status).toBe(status);
  });
});

describe('who is not', () => {
  it.each([
    ['GET', '/t/other/docs', token(), 403, 'tenant_refused'],
    ['GET', '/t/ACME/docs', token(), 403, 'tenant_refused'],
    ['GET', '/t/acme/docs', undefined, 401, 'token_missing'],
    ['GET', '/t/acme/docs', token({ tenant_id: undefined }), 401, 'token_invalid'],
    ['GET', '/t/acme/docs', token({ sub: 'user 7' }), 401, 'token_invalid'],
    ['PUT', '/docs/42', token({ allowed_actions: ['update:doc:4'] }), 403, 'action_refused'],
    ['PUT', '/docs/42%3A1', token({ allowed_actions: ['update:*'] }), 403, 'action_refused'],
    ['PUT', '/docs/%2A', token({ allowed_actions: ['update:doc:*'] }), 403, 'action_refused'],
    ['PUT', '/docs/42', token({ allowed_actions: { update: true } }), 403, 'claim_malformed'],
    ['GET', '/admin', token({ realm_access: { roles: ['user'] } }), 403, 'access_denied'],
    ['GET', '/admin', token({ realm_access: { roles: 'admin ops' } }), 403, 'access_denied'],
    ['GET', '/admin', token({ realm_access: { roles: ['admin'] }, suspended: true }), 403, 'access_denied'],
    ['GET', '/typed', token(), 403, 'claims_refused'],
    ['GET', '/far', undefined, 403, 'access_denied'],
  ] as const)('%s %s', async (method, target, bearer, status, code) => {
    const gateway = await start();
    const answer = await ask(gateway, method, target, bearer);
    expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([status, code]);
    if (status === 403) expect(answer.header('www-authenticate')).toBeUndefined();
    expect(await metric(gateway.gateway, 'ferrogate_verdicts_total', { verdict: code })).toBe(1);
  });

  it('is told the scopes, as RFC 6750 has it', async () => {
    const answer = await ask(await start(), 'GET', '/scoped', token());
    expect([answer.status, answer.header('www-authenticate')]).toEqual([
      403,
      'Bearer realm="the shop", error="insufficient_scope", scope="r w"',
    ]);
  });
});

describe('in shadow', () => {
  it('a refusal is counted and not made', async () => {
    const gateway = await start();
    const counted = () =>
      metric(gateway.gateway, 'ferrogate_shadow_refusals_total', { endpoint: 'delete', policy: 'access' });
    expect((await ask(gateway, 'DELETE', '/docs/1', token({ allowed_actions: ['delete:*'] }))).status).toBe(
      200,
    );
    expect(await counted()).toBeUndefined();
    expect((await ask(gateway, 'DELETE', '/docs/1', token())).status).toBe(200);
    expect(await counted()).toBe(1);
  });
});

describe('a reload', () => {
  it('puts other demands in force for tokens from the cache', async () => {
    const config = (claims: Record<string, object>) => ({
      issuers: { main: { issuer, audience: ['test'], jwks: { keys: [key.jwk] }, claims } },
    });
    const gateway = await startGateway(config({}), (one) => one.get('/me', { jwt: 'main' }, () => 'me'));
    const bearer = token({ region: 'eu' });
    expect((await ask(gateway, 'GET', '/me', bearer)).status).toBe(200);
    await gateway.gateway.reload(config({ region: { anyOf: ['us'] } }));
    expect((await ask(gateway, 'GET', '/me', bearer)).status).toBe(401);
    await gateway.gateway.reload(config({ region: { anyOf: ['us', 'eu'] } }));
    expect((await ask(gateway, 'GET', '/me', bearer)).status).toBe(200);
  });
});

describe('a header with the tenant', () => {
  it('is the one that the upstream sees', async () => {
    const upstream = await startUpstream((request, response) =>
      response.end(String(request.headers['x-tenant'])),
    );
    const gateway = await startGateway({
      issuers: { main: { issuer, audience: ['test'], jwks: { keys: [key.jwk] } } },
      upstreams: { origin: { targets: [upstream.url] } },
      routes: [
        {
          match: { path: '/x' },
          upstream: 'origin',
          jwt: 'main',
          access: { tenant: { header: 'X-Tenant' } },
        },
      ],
    });
    const answer = await ask(gateway, 'GET', '/x', token(), 'x-tenant: acme');
    expect([answer.status, answer.body.toString()]).toEqual([200, 'acme']);
    for (const lines of [
      ['x-tenant: other'],
      ['x-tenant: acme', 'x_tenant: other'],
      ['x-tenant: acme', 'X-Tenant: other'],
      ['x-tenant: acme', 'connection: x-tenant'],
    ])
      expect((await ask(gateway, 'GET', '/x', token(), ...lines)).status).toBe(403);
  });
});

it('an action with a parameter that the path lacks is refused when it is registered', async () => {
  const gateway = await start();
  const register = () =>
    gateway.gateway.get('/late/:id', { jwt: 'main', access: { action: 'read:{doc}' } }, () => '');
  expect(register).toThrow('access.action: expected parameters of the path: id, received "read:{doc}"');
  expect(await adminText(gateway.gateway, '/routes')).not.toContain('/late');
});
