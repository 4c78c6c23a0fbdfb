// The life of a session as an application sees it: issue, refresh, reuse, races, expiry, logout; with both stores.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { expect, it } from 'vitest';
import type { TokenResponse } from '../../src/auth/index.ts';
import { claimsOf, forEachStore, issuer, makeService, outcomeOf, refreshOf, sessionOf } from './support.ts';

forEachStore('a session', (open) => {
  it('begins with tokens that verify by the published keys', async () => {
    const { service, clock } = makeService({ store: open() });
    const tokens = await service.issue({
      subject: 'ada',
      scope: 'read write',
      claims: { tenant_id: 't1' },
      device: 'phone',
    });
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'read write' });
    const keys = createLocalJWKSet({ keys: [...(await service.jwks()).keys] });
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
      issuer,
      audience: 'test',
      typ: 'at+jwt',
      currentDate: new Date(clock.now),
    });
    const iat = clock.now / 1000;
    expect(protectedHeader).toEqual({ alg: 'RS256', typ: 'at+jwt', kid: expect.any(String) });
    expect(payload).toEqual({
      iss: issuer,
      aud: 'test',
      sub: 'ada',
      client_id: 'default',
      scope: 'read write',
      sid: tokens.session_id,
      tenant_id: 't1',
      iat,
      exp: iat + 300,
      jti: expect.stringMatching(/^[\w-]{22}$/),
    });
  });

  it('goes on with each refresh, with claims as they are then', async () => {
    let roles = ['reader'];
    const { service } = makeService({ store: open(), claims: () => ({ roles }) });
    let tokens = await service.issue({ subject: 'ada', scope: 'a b', claims: { tenant_id: 't1' } });
    const seen = new Set<unknown>([refreshOf(tokens), claimsOf(tokens)['jti']]);
    roles = ['writer'];
    for (let round = 0; round < 5; round += 1) {
      const next: TokenResponse = await service.refresh({ refreshToken: refreshOf(tokens) });
      expect(next.session_id).toBe(tokens.session_id);
      expect(claimsOf(next)).toMatchObject({ roles: ['writer'], tenant_id: 't1', scope: 'a b' });
      tokens = next;
      seen.add(refreshOf(tokens)).add(claimsOf(tokens)['jti']);
    }
    expect(seen.size).toBe(12);
  });

  it('may have fewer scopes for one access token, never more', async () => {
    const { service } = makeService({ store: open() });
    const first = await service.issue({ subject: 'ada', scope: 'a b' });
    const less = await service.refresh({ refreshToken: refreshOf(first), scope: 'b' });
    expect([less.scope, claimsOf(less)['scope']]).toEqual(['b', 'b']);
    const refreshToken = refreshOf(less);
    expect(await outcomeOf(service.refresh({ refreshToken, scope: 'a c' }))).toBe('invalid_scope');
    expect((await service.refresh({ refreshToken })).scope).toBe('a b');
  });

  it('ends with everything that belongs to it when a spent token is used', async () => {
    const { service, revoked, clock } = makeService({ store: open() });
    const first = await service.issue({ subject: 'ada' });
    const other = await service.issue({ subject: 'ada' });
    const second = await service.refresh({ refreshToken: refreshOf(first) });
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(first) }))).toBe('invalid_grant');
    expect(revoked).toEqual([{ session: first.session_id, until: clock.now / 1000 + 300 }]);
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(second) }))).toBe('invalid_grant');
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(other) }))).toBe('done');
    expect(revoked.length).toBe(1);
  });

  it('lets exactly one of fifty refreshes at once succeed, and ends by the others', async () => {
    const { service, revoked } = makeService({ store: open() });
    const first = await service.issue({ subject: 'ada' });
    const asked = Array.from({ length: 50 }, () => service.refresh({ refreshToken: refreshOf(first) }));
    const outcomes = await Promise.allSettled(asked);
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(won.length).toBe(1);
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(new Set(lost.map(({ reason }) => reason.error))).toEqual(new Set(['invalid_grant']));
    expect(revoked).toEqual([expect.objectContaining({ session: first.session_id })]);
    const winner = won[0]?.value as TokenResponse;
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(winner) }))).toBe('invalid_grant');
    expect(await service.sessions('ada')).toEqual([]);
  });

  it('with an interval of reuse gives all fifty the same successor', async () => {
    const { service, revoked, clock } = makeService({ store: open(), reuseInterval: '5s' });
    const first = await service.issue({ subject: 'ada' });
    const asked = Array.from({ length: 50 }, () => service.refresh({ refreshToken: refreshOf(first) }));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(refreshOf)).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(50);
    const [answer] = answers as [TokenResponse];
    clock.pass(4_999);
    expect(refreshOf(await service.refresh({ refreshToken: refreshOf(first) }))).toBe(refreshOf(answer));
    expect(revoked).toEqual([]);
    const next = await service.refresh({ refreshToken: refreshOf(answer) });
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(first) }))).toBe('invalid_grant');
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(next) }))).toBe('invalid_grant');
    expect(revoked.length).toBe(1);
  });

  it('with an interval of reuse takes a spent token after it for stolen', async () => {
    const { service, clock } = makeService({ store: open(), reuseInterval: '5s' });
    const first = await service.issue({ subject: 'ada' });
    await service.refresh({ refreshToken: refreshOf(first) });
    clock.pass(5_000);
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(first) }))).toBe('invalid_grant');
    expect(await service.sessions('ada')).toEqual([]);
  });

  it('ends when it was not used, and at its end however much it was', async () => {
    const limits = { refreshTokenTtl: '3h', refreshIdleTtl: '1h' };
    const { service, clock } = makeService({ store: open(), ...limits });
    const start = clock.now;
    const idle = await service.issue({ subject: 'ada' });
    let used = await service.issue({ subject: 'ada' });
    for (let round = 0; round < 4; round += 1) {
      clock.pass(2_400_000);
      used = await service.refresh({ refreshToken: refreshOf(used) });
    }
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(idle) }))).toBe('invalid_grant');
    expect((await service.sessions('ada')).map(({ expiresAt }) => expiresAt)).toEqual([start + 10_800_000]);
    clock.now = start + 10_800_000;
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(used) }))).toBe('invalid_grant');
  });

  it('belongs to its client', async () => {
    const { service } = makeService({ store: open() });
    const tokens = await service.issue({ subject: 'ada', client: 'web' });
    expect(claimsOf(tokens)['client_id']).toBe('web');
    const refreshToken = refreshOf(tokens);
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe('invalid_grant');
    expect(await outcomeOf(service.refresh({ refreshToken, client: 'other' }))).toBe('invalid_grant');
    expect(await outcomeOf(service.refresh({ refreshToken, client: 'web' }))).toBe('done');
  });

  it('ends where the application gives its subject no claims any more', async () => {
    let isActive = true;
    const { service, revoked } = makeService({ store: open(), claims: () => (isActive ? {} : null) });
    const tokens = await service.issue({ subject: 'ada' });
    isActive = false;
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(tokens) }))).toBe('invalid_grant');
    expect(await outcomeOf(service.issue({ subject: 'ada' }))).toBe('invalid_grant');
    isActive = true;
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(tokens) }))).toBe('invalid_grant');
    expect(revoked.length).toBe(1);
  });

  it('is listed with its device, and ended one by one or all at once', async () => {
    const { service, clock, revoked } = makeService({ store: open() });
    const phone = await service.issue({ subject: 'ada', device: 'phone', ip: '192.0.2.1' });
    const [phoneId, start] = [sessionOf(phone), clock.now];
    clock.pass(1_000);
    const laptop = sessionOf(await service.issue({ subject: 'ada', device: 'laptop' }));
    await service.issue({ subject: 'bob' });
    clock.pass(1_000);
    const next = await service.refresh({ refreshToken: refreshOf(phone), ip: '192.0.2.2' });
    expect((await service.sessions('ada')).map(({ id, device }) => [id, device])).toEqual([
      [phoneId, 'phone'],
      [laptop, 'laptop'],
    ]);
    expect((await service.sessions('ada'))[0]).toEqual({
      id: phoneId,
      subject: 'ada',
      client: 'default',
      scope: '',
      device: 'phone',
      ip: '192.0.2.2',
      createdAt: start,
      lastUsedAt: start + 2_000,
      expiresAt: start + 2_592_000_000,
    });
    expect(await service.logout(phoneId, { subject: 'bob' })).toBe(false);
    expect(await service.logout('nothing')).toBe(false);
    expect(await service.logout(`${phoneId.slice(0, 43)}${phoneId.endsWith('A') ? 'Q' : 'A'}`)).toBe(false);
    expect(revoked).toEqual([]);
    expect(await service.logout(phoneId, { subject: 'ada' })).toBe(true);
    expect(await service.logout(phoneId)).toBe(false);
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(next) }))).toBe('invalid_grant');
    expect((await service.sessions('ada')).map(({ id }) => id)).toEqual([laptop]);
    revoked.length = 0;
    expect(await service.logoutAll('ada')).toBe(1);
    const until = Math.ceil(clock.now / 1000) + 300;
    expect(revoked).toEqual([
      { session: laptop, until },
      { subject: 'ada', issuedBefore: Math.floor(clock.now / 1000), until },
    ]);
    expect(await service.sessions('ada')).toEqual([]);
    expect((await service.sessions('bob')).length).toBe(1);
  });

  it('stays alone when the other devices are logged out', async () => {
    const { service, revoked } = makeService({ store: open() });
    const ids = [];
    for (let at = 0; at < 3; at += 1) ids.push(sessionOf(await service.issue({ subject: 'ada' })));
    expect(await service.logoutAll('ada', { except: ids[1] as string })).toBe(2);
    expect((await service.sessions('ada')).map(({ id }) => id)).toEqual([ids[1]]);
    expect(new Set(revoked.map((told) => 'session' in told && told.session))).toEqual(
      new Set([ids[0], ids[2]]),
    );
  });

  it('leaves for a newer one where its subject has as many as it may', async () => {
    const { service, clock, revoked } = makeService({ store: open(), maxSessions: 2 });
    const tokens: TokenResponse[] = [];
    for (let at = 0; at < 3; at += 1) {
      tokens.push(await service.issue({ subject: 'ada' }));
      clock.pass(1_000);
    }
    const [first, second, third] = tokens as [TokenResponse, TokenResponse, TokenResponse];
    expect(revoked).toEqual([expect.objectContaining({ session: first.session_id })]);
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(first) }))).toBe('invalid_grant');
    await service.refresh({ refreshToken: refreshOf(second) });
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(third) }))).toBe('done');
  });

  it('is not ended where the deny-list cannot be told, and is where a theft was seen', async () => {
    const lines: unknown[] = [];
    const note = (fields: object, message: string): void => void lines.push(message, fields);
    const { service } = makeService({
      store: open(),
      onRevoked: () => Promise.reject(new Error('away')),
      logger: { info: note, warn: note, error: note },
    });
    const tokens = await service.issue({ subject: 'ada' });
    await expect(service.logout(sessionOf(tokens))).rejects.toThrow('away');
    await expect(service.logoutAll('ada')).rejects.toThrow('away');
    await service.refresh({ refreshToken: refreshOf(tokens) });
    expect(lines).toEqual([]);
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(tokens) }))).toBe('invalid_grant');
    expect(await service.sessions('ada')).toEqual([]);
    expect(lines[0]).toContain('could not be denied');
    expect(JSON.stringify(lines)).not.toContain(refreshOf(tokens));
  });

  it('is not spent where the signer fails', async () => {
    let isAway = false;
    const { keySigner } = await import('../../src/auth/index.ts');
    const { signingKey } = await import('../support/issuer.ts');
    const own = keySigner(signingKey('main').privateKey);
    const signer = {
      keys: () => own.keys(),
      sign: (data: Uint8Array, kid: string) =>
        isAway ? Promise.reject(new Error('away')) : own.sign(data, kid),
    };
    const { service } = makeService({ store: open(), signer });
    const tokens = await service.issue({ subject: 'ada' });
    isAway = true;
    const refreshToken = refreshOf(tokens);
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe('ERR_FG_SIGNER_UNAVAILABLE');
    expect(await outcomeOf(service.issue({ subject: 'ada' }))).toBe('ERR_FG_SIGNER_UNAVAILABLE');
    isAway = false;
    expect((await service.sessions('ada')).length).toBe(1);
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe('done');
  });
});

it.each([
  [{ subject: '' }, 'subject'],
  [{ subject: 'x'.repeat(257) }, 'subject'],
  [{ subject: '\ud800' }, 'subject'],
  [{ subject: 'ada', scope: 'a  b' }, 'scope'],
  [{ subject: 'ada', scope: 'a"b' }, 'scope'],
  [{ subject: 'ada', device: 'x'.repeat(257) }, 'device'],
  [{ subject: 'ada', client: 'a\nb' }, 'client'],
  [{ subject: 'ada', claims: { sub: 'bob' } }, 'sub'],
  [{ subject: 'ada', claims: { exp: 1 } }, 'exp'],
  [{ subject: 'ada', claims: { text: 'x'.repeat(5_000) } }, 'claims'],
])('issue refuses %j', async (request, named) => {
  const { service } = makeService();
  await expect(service.issue(request)).rejects.toThrow(TypeError);
  await expect(service.issue(request)).rejects.toThrow(named);
});

it('claims of the application may not replace those of the service', async () => {
  const { service } = makeService({ claims: () => ({ iss: 'https://other.example' }) });
  await expect(service.issue({ subject: 'ada' })).rejects.toThrow('"iss" is set by the service');
});

it('a full memory store refuses a login and no session', async () => {
  const { memoryStore } = await import('../../src/auth/index.ts');
  const { service, clock } = makeService({ store: memoryStore({ maxSessions: 3 }), maxSessions: 2 });
  const tokens = [];
  for (const subject of ['ada', 'ada', 'bob']) tokens.push(await service.issue({ subject }));
  expect(await outcomeOf(service.issue({ subject: 'eve' }))).toBe('ERR_FG_STORE_UNAVAILABLE');
  expect(await outcomeOf(service.issue({ subject: 'ada' }))).toBe('done');
  expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(tokens[2] as TokenResponse) }))).toBe(
    'done',
  );
  clock.pass(2_592_000_000);
  expect(await outcomeOf(service.issue({ subject: 'eve' }))).toBe('done');
});
