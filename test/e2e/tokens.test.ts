// Tokens on real requests: who is let in, who is not, and what WWW-Authenticate says.
import { describe, expect, it } from 'vitest';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken, type TokenOptions } from '../support/issuer.ts';
import { rawRequest, requestText } from '../support/raw.ts';

const issuer = 'https://id.test';
const key = signingKey('main');
const now = Math.floor(Date.now() / 1000);

const token = (
  claims: Record<string, unknown> = {},
  { key: by = key, header = {} }: TokenOptions = {},
): string => signToken(by, { ...goodClaims(issuer), ...claims }, header);

const start = (): Promise<ListeningGateway> =>
  startGateway(
    { issuers: { main: { issuer, audience: ['test'], jwks: { keys: [key.jwk] }, realm: 'the shop' } } },
    (gateway) => {
      gateway.get('/me', { jwt: 'main' }, ({ claims }) => String(claims?.['sub']));
      gateway.get('/orders', { jwt: { issuer: 'main', scopes: ['read:orders', 'x'] } }, () => 'orders');
    },
  );

const ask = ({ port }: ListeningGateway, target: string, ...authorization: string[]) =>
  rawRequest(
    port,
    requestText(
      'GET',
      target,
      authorization.map((value) => `Authorization: ${value}`),
    ),
  );

describe('a good token', () => {
  it.each([
    ['as issued', token()],
    ['of another audience among ours', token({ aud: ['other', 'test'] })],
    ['expired within the skew', token({ exp: now - 10 })],
    ['without kid, where the issuer has one key', token({}, { header: { kid: undefined } })],
    [
      'with jku and jwk, which are ignored',
      token({}, { header: { jku: 'http://127.0.0.1:9/', jwk: key.jwk } }),
    ],
  ])('%s is let in', async (_, good) => {
    const gateway = await start();
    const answer = await ask(gateway, '/me', `Bearer ${good}`);
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ada']);
    expect((await ask(gateway, '/me', `bEARER   ${good}`)).status).toBe(200);
  });
});

describe('without a good token', () => {
  const [head = '', body = '', signature = ''] = token().split('.');
  const forged = Buffer.from(JSON.stringify({ ...goodClaims(issuer), sub: 'root' })).toString('base64url');
  const none = Buffer.from('{"alg":"none","kid":"main"}').toString('base64url');

  it.each([
    ['expired', token({ exp: now - 60 })],
    ['without exp', token({ exp: undefined })],
    ['not yet valid', token({ nbf: now + 120 })],
    ['of another issuer', token({ iss: 'https://evil.test' })],
    ['for another audience', token({ aud: 'other' })],
    ['without audience', token({ aud: undefined })],
    ['with other claims', `${head}.${forged}.${signature}`],
    ['with alg none', `${none}.${body}.`],
    ['with alg HS256', token({}, { header: { alg: 'HS256' } })],
    ['with crit', token({}, { header: { crit: ['b64'], b64: false } })],
    ['signed by another key of that name', token({}, { key: { ...signingKey('other'), kid: 'main' } })],
    ['cut off', `${head}.${body}`],
    ['padded', `${head}.${body}.${signature}=`],
    ['too long', `${head}.${body}.${signature}${'A'.repeat(8192)}`],
    ['no token at all', 'nonsense'],
  ])('%s: 401 invalid_token', async (_, bad) => {
    const answer = await ask(await start(), '/me', `Bearer ${bad}`);
    expect(answer.status).toBe(401);
    expect(answer.header('www-authenticate')).toMatch(
      /^Bearer realm="the shop", error="invalid_token", error_description="[^"]+"$/,
    );
    expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 401, code: 'token_invalid' });
    expect(answer.body.toString()).not.toContain(bad);
  });

  it.each([[], ['Basic eDp5'], ['Bearer'], ['Bearer ']])(
    'none (%j): 401 without an error',
    async (...values) => {
      const answer = await ask(await start(), '/me', ...values);
      expect(answer.status).toBe(401);
      expect(answer.header('www-authenticate')).toBe('Bearer realm="the shop"');
    },
  );

  it('two Authorization fields: 400', async () => {
    const answer = await ask(await start(), '/me', `Bearer ${token()}`, `Bearer ${token()}`);
    expect([answer.status, answer.header('connection')]).toEqual([400, 'close']);
  });
});

describe('scopes', () => {
  it.each([
    [{ scope: 'x read:orders y' }, 200],
    [{ scp: ['read:orders', 'x'] }, 200],
    [{ scope: 'read:orders' }, 403],
    [{ scope: 'read:orders2 x' }, 403],
    [{}, 403],
  ])('%j: %i', async (claims, status) => {
    const answer = await ask(await start(), '/orders', `Bearer ${token(claims)}`);
    expect(answer.status).toBe(status);
    if (status === 403)
      expect(answer.header('www-authenticate')).toBe(
        'Bearer realm="the shop", error="insufficient_scope", scope="read:orders x"',
      );
  });
});

describe('a token seen before', () => {
  it('is let in again from the cache, and no longer once the configuration asks for more', async () => {
    const gateway = await start();
    const good = `Bearer ${token()}`;
    for (let round = 0; round < 3; round += 1) expect((await ask(gateway, '/me', good)).status).toBe(200);
    const stricter = { issuer, audience: ['other'], jwks: { keys: [key.jwk] } };
    await gateway.gateway.reload({ issuers: { main: stricter } });
    expect((await ask(gateway, '/me', good)).status).toBe(401);
  });
});
