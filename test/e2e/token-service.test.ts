// A gateway that issues tokens and verifies them by its own key set, as a client meets it over the socket.
import { expect, it, onTestFinished } from 'vitest';
import { createTokenService, memoryStore } from '../../src/auth/index.ts';
import type { Gateway } from '../../src/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { signingKey } from '../support/issuer.ts';
import { underTest } from '../support/listeners.ts';
import { until } from '../support/until.ts';

const issuer = 'https://id.example';

interface World {
  readonly gateway: Gateway;
  readonly url: string;
  readonly service: ReturnType<typeof createTokenService>;
  post(path: string, form: Record<string, string>): Promise<Response>;
  /** Status of the guarded route, and what its handler saw. */
  ask(token: string): Promise<[number, unknown]>;
}

async function open(): Promise<World> {
  const { gateway } = makeGateway();
  const service = createTokenService({
    issuer,
    audience: 'api',
    signer: signingKey('main').privateKey,
    store: memoryStore(),
    publishAhead: '0s',
  });
  onTestFinished(() => service.close());
  service.register(gateway, '/auth');
  gateway.post('/login', async (context) => {
    const { name } = await context.body.json<{ name: string }>();
    const tokens = await service.issue({ subject: name, scope: 'read', claims: { tenant_id: 't1' } });
    return service.answer(context, tokens);
  });
  const { url } = await gateway.listen({ port: 0, ...underTest });
  const own = { issuer, audience: ['api'], jwks: `${url}/auth/jwks.json`, refreshCooldown: '1s' };
  await gateway.reload({ issuers: { own } });
  gateway.get('/me', { jwt: { issuer: 'own', scopes: ['read'] } }, ({ claims }) => claims);
  await gateway.applied();
  const post: World['post'] = (path, form) =>
    fetch(`${url}${path}`, { method: 'POST', body: new URLSearchParams(form) });
  const ask: World['ask'] = async (token) => {
    const response = await fetch(`${url}/me`, { headers: { authorization: `Bearer ${token}` } });
    return [response.status, await response.json()];
  };
  return { gateway, url, service, post, ask };
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function login({ url }: World): Promise<Tokens> {
  const response = await fetch(`${url}/login`, { method: 'POST', body: '{"name":"ada"}' });
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  return (await response.json()) as Tokens;
}

it('issues a token, verifies it, refreshes it, and ends the session of a spent one', async () => {
  const world = await open();
  const first = await login(world);
  expect(await world.ask(first.access_token)).toEqual([
    200,
    expect.objectContaining({ sub: 'ada', tenant_id: 't1', scope: 'read', iss: issuer }),
  ]);
  const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token };
  const refreshed = await world.post('/auth/token', form);
  const second = (await refreshed.json()) as Tokens;
  expect((await world.ask(second.access_token))[0]).toBe(200);
  const reused = await world.post('/auth/refresh', form);
  expect([reused.status, await reused.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
  const after = await world.post('/auth/refresh', { refresh_token: second.refresh_token });
  expect(after.status).toBe(400);
  expect((await world.ask(`${second.access_token.slice(0, -8)}AAAAAAAA`))[0]).toBe(401);
});

it('verifies by a new key as soon as one signs', async () => {
  const world = await open();
  const first = await login(world);
  expect((await world.ask(first.access_token))[0]).toBe(200);
  await world.service.rotateKey();
  const second = await login(world);
  await until('the new key to be fetched', async () => (await world.ask(second.access_token))[0] === 200);
  expect((await world.ask(first.access_token))[0]).toBe(200);
});

it('refuses a body over its bound before it is read, and other methods', async () => {
  const world = await open();
  const long = await world.post('/auth/token', { token: 'x'.repeat(20_000) });
  expect(long.status).toBe(413);
  const response = await fetch(`${world.url}/auth/token`);
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
});
