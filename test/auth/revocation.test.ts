// The routes that end tokens and tell of them, as HTTP (RFC 7009, RFC 7662).
import { describe, expect, it, onTestFinished } from 'vitest';
import { createGateway, GatewayError } from '../../src/index.ts';
import { heard } from '../support/gateway.ts';
import { claimsOf, makeService } from './support.ts';
import { api, asApi, clients, loggedIn, open } from './world.ts';

describe('POST /revoke', () => {
  it('ends the session of a refresh token, spent or not', async () => {
    const world = open();
    for (const isSpent of [false, true]) {
      const { refresh_token: token = '', session_id: session } = await loggedIn(world);
      if (isSpent) await world.service.refresh({ refreshToken: token, client: 'web' });
      world.revoked.length = 0;
      const { status, body } = await world.post('/revoke', { token, client_id: 'web' });
      expect([status, body]).toEqual([200, {}]);
      expect(world.revoked).toEqual([expect.objectContaining({ session })]);
      expect(await world.service.sessions('ada')).toEqual([]);
    }
  });

  it('denies an access token by its jti', async () => {
    const world = open();
    const tokens = await loggedIn(world);
    const { jti, exp } = claimsOf(tokens as never);
    const { status } = await world.post('/revoke', {
      token: tokens['access_token'] ?? '',
      token_type_hint: 'access_token',
      client_id: 'web',
    });
    expect([status, world.revoked]).toEqual([200, [{ jti, until: exp }]]);
    expect((await world.service.sessions('ada')).length).toBe(1);
  });

  it('is asked again where the deny-list is away', async () => {
    const onRevoked = () => Promise.reject(new GatewayError('ERR_FG_STORE_UNAVAILABLE', 'away'));
    const world = open({ onRevoked });
    const { access_token = '', refresh_token = '' } = await loggedIn(world);
    for (const token of [access_token, refresh_token])
      expect((await world.post('/revoke', { token, client_id: 'web' })).status).toBe(503);
    expect((await world.service.sessions('ada')).length).toBe(1);
  });

  it('answers 200 for what it does not know, and for tokens that are over', async () => {
    const world = open();
    const { access_token = '', refresh_token = '' } = await loggedIn(world);
    const [header = '', payload = '', signature = ''] = access_token.split('.');
    const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    for (const token of ['x', forged, `fgr_${'A'.repeat(87)}`])
      expect((await world.post('/revoke', { token, client_id: 'web' })).status).toBe(200);
    world.clock.pass(31 * 86_400_000);
    for (const token of [access_token, refresh_token])
      expect((await world.post('/revoke', { token, client_id: 'web' })).status).toBe(200);
    expect(world.revoked).toEqual([]);
  });

  it('is for the client of the token', async () => {
    const world = open();
    const { access_token = '', refresh_token = '' } = await loggedIn(world);
    for (const token of [access_token, refresh_token])
      expect(await world.post('/revoke', { token, ...asApi })).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant' },
      });
    expect((await world.post('/revoke', { token: refresh_token, client_id: 'nobody' })).status).toBe(401);
    expect((await world.service.sessions('ada')).length).toBe(1);
  });

  it('says that access tokens cannot be revoked where nobody is told', async () => {
    const { service } = makeService({ clients, onRevoked: undefined as never });
    const gateway = createGateway({}, { logger: heard() });
    onTestFinished(() => gateway.close({ timeoutMs: 0 }));
    service.register(gateway);
    const { access_token } = await service.issue({ subject: 'ada', client: 'web' });
    const response = await gateway.inject({
      method: 'POST',
      url: '/revoke',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `client_id=web&token=${access_token}`,
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: 'unsupported_token_type' },
    ]);
  });
});

describe('POST /introspect', () => {
  it('tells of a good access token and of a good refresh token', async () => {
    const world = open();
    const tokens = await loggedIn(world);
    const access = await world.post('/introspect', { token: tokens['access_token'] ?? '', ...asApi });
    const claims = claimsOf(tokens as never);
    expect([access.status, access.body]).toEqual([200, { active: true, token_type: 'Bearer', ...claims }]);
    expect(access.headers.get('cache-control')).toBe('no-store');
    const refresh = await world.post('/introspect', { token: tokens['refresh_token'] ?? '', ...asApi });
    expect(refresh.body).toEqual({
      active: true,
      iss: 'https://id.example',
      sub: 'ada',
      client_id: 'web',
      scope: 'read write',
      sid: tokens['session_id'],
      iat: world.clock.now / 1000,
      exp: world.clock.now / 1000 + 2_592_000,
    });
  });

  it('is not told otherwise by a claim of the application', async () => {
    const world = open({ claims: () => ({ active: false, token_type: 'N_A' }) });
    const { access_token: token = '' } = await loggedIn(world);
    const { body } = await world.post('/introspect', { token, ...asApi });
    expect(body).toMatchObject({ active: true, token_type: 'Bearer' });
  });

  it('tells of nothing that is over, spent, denied, malformed or of another client', async () => {
    const denied = new Set<unknown>();
    const world = open({ isRevoked: ({ jti }) => denied.has(jti) });
    const active = async (token: string, by: Record<string, string> = asApi) => {
      const { status, body } = await world.post('/introspect', { token, ...by });
      expect(status).toBe(200);
      if (body['active'] !== true) expect(body).toEqual({ active: false });
      return body['active'];
    };
    const first = await loggedIn(world);
    const [access = '', refresh = ''] = [first['access_token'], first['refresh_token']];
    const asOther = { client_id: 'other', client_secret: api.secret };
    expect([await active(access), await active(access, asOther)]).toEqual([true, false]);
    const next = await world.service.refresh({ refreshToken: refresh, client: 'web' });
    expect([await active(refresh), await active(next.refresh_token ?? '')]).toEqual([false, true]);
    expect([await active('x'), await active(`${access}x`)]).toEqual([false, false]);
    denied.add(claimsOf(first as never)['jti']);
    expect([await active(access), await active(next.access_token)]).toEqual([false, true]);
    await world.service.logoutAll('ada');
    expect([await active(next.access_token), await active(next.refresh_token ?? '')]).toEqual([false, false]);
    const last = await loggedIn(world);
    world.clock.pass(300_000);
    expect(await active(last['access_token'] ?? '')).toBe(false);
  });

  it('is for clients that prove who they are', async () => {
    const world = open();
    const { access_token: token = '' } = await loggedIn(world);
    for (const by of [{}, { client_id: 'web' }, { client_id: 'api' }] as Record<string, string>[])
      expect(await world.post('/introspect', { token, ...by })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
    expect(await world.post('/introspect', asApi)).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });
});
