// The routes that give tokens, and the key set, as HTTP: what each takes, what it answers, and what it never tells.
import { describe, expect, it } from 'vitest';
import { memoryStore, type TokenServiceOptions } from '../../src/auth/index.ts';
import { GatewayError } from '../../src/index.ts';
import { claimsOf } from './support.ts';
import { asSvc, loggedIn, open, svc } from './world.ts';

/** What is answered with a token. */
const good = new URLSearchParams({ grant_type: 'client_credentials', ...asSvc }).toString();

describe('POST /token', () => {
  it('gives a client a token of its own', async () => {
    const world = open();
    const { status, body, headers } = await world.post('/token', {
      grant_type: 'client_credentials',
      scope: 'write',
      ...asSvc,
    });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'write',
    });
    const claims = claimsOf(body as never);
    expect(claims).toMatchObject({ sub: 'svc', client_id: 'svc', scope: 'write' });
    expect(claims).not.toHaveProperty('sid');
  });

  it('refreshes', async () => {
    const world = open();
    const { refresh_token = '' } = await loggedIn(world);
    const form = { grant_type: 'refresh_token', refresh_token, client_id: 'web' };
    const first = await world.post('/token', form);
    expect(first).toMatchObject({ status: 200, body: { scope: 'read write', token_type: 'Bearer' } });
    expect(first.body['refresh_token']).not.toBe(refresh_token);
    expect(await world.post('/token', form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('takes the grant types of the application, and has none unless given', async () => {
    const grants: TokenServiceOptions['grants'] = {
      password: ({ params, client }) =>
        params.get('username') === 'ada' && params.get('password') === 'pw'
          ? { subject: 'ada', scope: 'read', device: `by ${client.id}` }
          : null,
    };
    const world = open({ grants });
    const form = { grant_type: 'password', username: 'ada', password: 'pw', client_id: 'web' };
    const { status, body } = await world.post('/token', form);
    expect([status, body['scope']]).toEqual([200, 'read']);
    const [session] = await world.service.sessions('ada');
    expect(session).toMatchObject({ device: 'by web', client: 'web', ip: '127.0.0.1' });
    const wrong = await world.post('/token', { ...form, password: 'no' });
    expect(wrong).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const none = await open().post('/token', form);
    expect(none).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } });
    expect(() => open({ grants: { refresh_token: () => null } })).toThrow(TypeError);
  });

  it.each<[string, Record<string, string> | string, number, string]>([
    ['no body', '', 400, 'invalid_client'],
    ['no grant type', { client_id: 'web' }, 400, 'invalid_request'],
    ['an empty grant type', { client_id: 'web', grant_type: '' }, 400, 'invalid_request'],
    ['another grant type', { client_id: 'web', grant_type: 'magic' }, 400, 'unsupported_grant_type'],
    ['a grant that is not its own', { ...asSvc, grant_type: 'refresh_token' }, 400, 'unauthorized_client'],
    ['a client without proof', { client_id: 'svc', grant_type: 'client_credentials' }, 401, 'invalid_client'],
    ['no refresh token', { client_id: 'web', grant_type: 'refresh_token' }, 400, 'invalid_request'],
    [
      'no form of a refresh token',
      { client_id: 'web', grant_type: 'refresh_token', refresh_token: 'x' },
      400,
      'invalid_grant',
    ],
    [
      'a scope too much',
      { ...asSvc, grant_type: 'client_credentials', scope: 'admin' },
      400,
      'invalid_scope',
    ],
    ['a parameter twice', `${good}&scope=read&scope=write`, 400, 'invalid_request'],
    ['a parameter twice, once empty', `${good}&scope=read&scope=`, 400, 'invalid_request'],
    [
      'many parameters',
      `${good}${Array.from({ length: 30 }, (_, at) => `&a${at}=1`).join('')}`,
      400,
      'invalid_request',
    ],
  ])('refuses %s', async (name, form, status, error) => {
    const { status: got, body, headers } = await open().post('/token', form);
    expect([got, body['error']]).toEqual(name === 'no body' ? [400, 'invalid_request'] : [status, error]);
    expect(typeof body['error_description']).toBe('string');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.has('www-authenticate')).toBe(got === 401);
  });

  it.each([
    ['JSON', 'application/json', '{"grant_type":"client_credentials"}'],
    ['text', 'text/plain', 'grant_type=client_credentials'],
    ['no type', '', 'grant_type=client_credentials'],
  ])('refuses %s', async (_, type, body) => {
    const answer = await open().post('/token', body, { 'content-type': type });
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('refuses a long body, and what the query says', async () => {
    const world = open();
    const long = await world.gateway.inject({
      method: 'POST',
      url: '/auth/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `a=${'x'.repeat(16_384)}`,
    });
    expect(long.status).toBe(413);
    const query = `?client_id=svc&client_secret=${svc.secret}&grant_type=client_credentials`;
    expect((await world.post(`/token${query}`, '')).status).toBe(400);
  });

  it('answers 503 while store or signer is away, and says nothing of why', async () => {
    const away = Promise.reject(new Error('secret place'));
    away.catch(() => {});
    const world = open({ signer: { keys: () => away, sign: () => away } });
    const form = { grant_type: 'client_credentials', ...asSvc };
    const { status, body, headers } = await world.post('/token', form);
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(body).toEqual({ error: 'temporarily_unavailable', error_description: 'try again in a moment' });
    expect((await world.gateway.inject('/auth/jwks.json')).status).toBe(503);
    const find = () => Promise.reject(new GatewayError('ERR_FG_STORE_UNAVAILABLE', 'secret place'));
    const noStore = open({ store: Object.assign(memoryStore(), { find }) });
    const refresh = { refresh_token: `fgr_${'A'.repeat(87)}`, client_id: 'web' };
    expect(await noStore.post('/refresh', refresh)).toMatchObject({ status: 503, body });
  });
});

describe('POST /refresh', () => {
  it('takes JSON and forms', async () => {
    const world = open();
    const { refresh_token = '' } = await loggedIn(world);
    const json = JSON.stringify({ refresh_token, client_id: 'web' });
    const first = await world.post('/refresh', json, { 'content-type': 'application/json; charset=utf-8' });
    expect(first.status).toBe(200);
    const form = { refresh_token: String(first.body['refresh_token']), client_id: 'web', scope: 'read' };
    expect(await world.post('/refresh', form)).toMatchObject({ status: 200, body: { scope: 'read' } });
  });

  it.each(['{', '[]', 'null', '"a"', '{"refresh_token":1}', '{"client_id":"web"}'])(
    'refuses %s',
    async (body) => {
      const answer = await open().post('/refresh', body, { 'content-type': 'application/json' });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    },
  );

  it('is for refresh tokens alone', async () => {
    const answer = await open().post('/refresh', { ...asSvc, grant_type: 'client_credentials' });
    expect(answer).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } });
  });
});

describe('the cookie', () => {
  const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict';

  it('has the refresh token instead of the body, at login and at each refresh', async () => {
    const world = open({ cookie: true, refreshTokenTtl: '2h' });
    world.gateway.post('/login', async (context) =>
      world.service.answer(context, await world.service.issue({ subject: 'ada', client: 'web' })),
    );
    const login = await world.gateway.inject({ method: 'POST', url: '/login' });
    const set = login.headers.get('set-cookie') ?? '';
    const [pair = ''] = set.split(';');
    expect(set).toMatch(/^__Host-refresh=fgr_[\w-]{87}; Max-Age=7200; /);
    expect(set.endsWith(attributes)).toBe(true);
    expect(await login.json()).not.toHaveProperty('refresh_token');
    const next = await world.post('/refresh', { client_id: 'web' }, { cookie: `a=b; ${pair}; c=d` });
    expect(next.status).toBe(200);
    expect(next.body).not.toHaveProperty('refresh_token');
    expect(next.headers.get('set-cookie')).not.toContain(pair);
    const reused = await world.post('/refresh', { client_id: 'web' }, { cookie: pair });
    expect([reused.status, reused.body['error']]).toEqual([400, 'invalid_grant']);
    expect(reused.headers.get('set-cookie')).toBe(`__Host-refresh=; Max-Age=0; ${attributes}`);
  });

  it('ends with its session at /revoke', async () => {
    const world = open({ cookie: '__Host-mine' });
    const { refresh_token = '' } = await loggedIn(world);
    const cookie = `__Host-mine=${refresh_token}`;
    const { status, headers } = await world.post('/revoke', { client_id: 'web' }, { cookie });
    expect([status, headers.get('set-cookie')]).toEqual([200, `__Host-mine=; Max-Age=0; ${attributes}`]);
    expect(await world.service.sessions('ada')).toEqual([]);
  });

  it('is not taken from another site, nor twice, nor where there is none', async () => {
    const world = open({ cookie: true });
    const { refresh_token = '' } = await loggedIn(world);
    const cookie = `__Host-refresh=${refresh_token}`;
    const form = { client_id: 'web' };
    for (const headers of [
      { cookie, 'sec-fetch-site': 'cross-site' },
      { cookie: `${cookie}; ${cookie}` },
      { cookie: `x${cookie}` },
    ])
      expect(await world.post('/refresh', form, headers)).toMatchObject({
        status: 400,
        body: { error: 'invalid_request' },
      });
    const off = open();
    expect((await off.post('/refresh', form, { cookie })).status).toBe(400);
    expect(() => open({ cookie: 'refresh' })).toThrow(TypeError);
  });
});

it('GET /jwks.json gives the set, to be kept until a new key could sign', async () => {
  const world = open({ publishAhead: '10m' });
  const response = await world.gateway.inject('/auth/jwks.json');
  expect(response.headers.get('content-type')).toBe('application/jwk-set+json');
  expect(response.headers.get('cache-control')).toBe('public, max-age=300');
  expect(await response.json()).toEqual(await world.service.jwks());
});

it('no secret and no token is logged, whatever fails', async () => {
  const world = open({
    store: Object.assign(memoryStore(), { find: () => Promise.reject(new Error('a defect')) }),
    claims: () => {
      throw new Error('no roles');
    },
  });
  const token = `fgr_${'A'.repeat(87)}`;
  const failed = await world.post('/token', { grant_type: 'client_credentials', ...asSvc });
  expect(failed.status).toBe(500);
  expect((await world.post('/refresh', { refresh_token: token, client_id: 'web' })).status).toBe(500);
  expect((await world.post('/revoke', { token, client_id: 'web' })).status).toBe(500);
  expect(world.logged.lines.length).toBe(3);
  const said = JSON.stringify(
    world.logged.lines.map(({ fields, message }) => [message, String(fields['err'])]),
  );
  for (const secret of [svc.secret, token, 'fgs_', 'fgr_']) expect(said).not.toContain(secret);
});

it('counts what happens', async () => {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  const world = open({ registry, maxSessions: 1, reuseInterval: '5s' });
  await loggedIn(world);
  const { refresh_token = '' } = await loggedIn(world);
  const form = { refresh_token, client_id: 'web' };
  await world.post('/refresh', form);
  await world.post('/refresh', form);
  world.clock.pass(5_000);
  await world.post('/refresh', form);
  await world.post('/token', { grant_type: 'client_credentials', ...asSvc });
  const text = await registry.metrics();
  const counted = [...text.matchAll(/ferrogate_auth_events_total\{event="(\w+)"\} (\d+)/g)];
  expect(Object.fromEntries(counted.map(([, event, times]) => [event, Number(times)]))).toEqual({
    issued: 2,
    evicted: 1,
    refreshed: 1,
    repeated: 1,
    reused: 1,
    refused: 1,
    client: 1,
  });
});
