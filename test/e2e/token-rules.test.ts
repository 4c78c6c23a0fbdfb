// The rule of a route about tokens on real requests: whose, from where, whether there must be one, and rules that are only tried.
import { describe, expect, it } from 'vitest';
import type { JwtConfig } from '../../src/index.ts';
import { type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { rawRequest, requestText } from '../support/raw.ts';
import { startUpstream } from '../support/upstream.ts';

const main = { issuer: 'https://id.test', key: signingKey('main') };
/** Its key has the name of ours. */
const partner = { issuer: 'https://partner.test', key: { ...signingKey('other'), kid: 'main' } };

const token = ({ issuer, key }: typeof main, claims: object = {}): string =>
  signToken(key, { ...goodClaims(issuer), ...claims });

const issuerConfig = ({ issuer, key }: typeof main) => ({
  issuer,
  audience: ['test'],
  jwks: { keys: [{ ...key.jwk, kid: key.kid }] },
});

/** A gateway whose upstream tells what it was sent. */
async function start(jwt: JwtConfig): Promise<ListeningGateway> {
  const up = await startUpstream();
  return startGateway({
    issuers: { main: issuerConfig(main), partner: issuerConfig(partner) },
    upstreams: { back: { targets: [up.url] } },
    routes: [{ id: 'me', match: { path: '/me' }, upstream: 'back', jwt, claimHeaders: { 'x-user': 'sub' } }],
  });
}

/** The status, and what the upstream was sent where it was asked. */
async function ask({ port }: ListeningGateway, ...lines: string[]) {
  const answer = await rawRequest(port, requestText('GET', '/me', lines));
  const body = JSON.parse(answer.body.toString()) as { headers?: Record<string, string>; code?: string };
  return { status: answer.status, headers: body.headers, code: body.code, answer };
}

const bearer = (text: string): string => `Authorization: Bearer ${text}`;

describe('several issuers', () => {
  it('are told apart by iss, each with its own keys', async () => {
    const gateway = await start({ issuer: ['main', 'partner'] });
    for (let round = 0; round < 2; round += 1) {
      expect((await ask(gateway, bearer(token(main, { sub: 'ann' })))).headers).toMatchObject({
        'x-user': 'ann',
      });
      expect((await ask(gateway, bearer(token(partner, { sub: 'bob' })))).headers).toMatchObject({
        'x-user': 'bob',
      });
    }
    const forged = await ask(gateway, bearer(token({ issuer: main.issuer, key: partner.key })));
    expect([forged.status, forged.code]).toEqual([401, 'token_invalid']);
    const checks = (issuer: string) =>
      metric(gateway.gateway, 'ferrogate_token_signature_checks_total', { issuer });
    const before = [await checks('main'), await checks('partner')];
    const nobody = await ask(gateway, bearer(token({ ...main, issuer: 'https://nobody.test' })));
    expect(nobody.status).toBe(401);
    expect([await checks('main'), await checks('partner')]).toEqual(before);
  });
});

describe('a token from a cookie or another field', () => {
  it('is taken, forwarded as it came, and refused beside a different one', async () => {
    const gateway = await start({ issuer: 'main', from: ['header', 'header:X-Token', 'cookie:session'] });
    const good = token(main);
    const cookie = `Cookie: theme=dark; session=${good}`;
    const byCookie = await ask(gateway, cookie);
    expect(byCookie.headers).toMatchObject({ 'x-user': 'ada', cookie: `theme=dark; session=${good}` });
    const byField = await ask(gateway, `X-Token: ${good}`);
    expect(byField.headers).toMatchObject({ 'x-user': 'ada', 'x-token': good });
    expect((await ask(gateway, cookie, bearer(good))).status).toBe(200);
    const two = await ask(gateway, cookie, bearer(token(main, { sub: 'bob' })));
    expect([two.status, two.code]).toEqual([400, 'token_ambiguous']);
    expect(two.answer.header('www-authenticate')).toMatch(/^Bearer realm="[^"]+", error="invalid_request"$/);
  });
});

describe('an optional token', () => {
  it('may be absent, then the request has no identity; a bad one is refused', async () => {
    const gateway = await start({ issuer: 'main', optional: true });
    const anonymous = await ask(gateway, 'X-User: root', 'X_User: root');
    expect(anonymous.status).toBe(200);
    expect(Object.keys(anonymous.headers ?? {}).filter((name) => /user$/.test(name))).toEqual([]);
    expect((await ask(gateway, bearer(token(main)))).headers).toMatchObject({ 'x-user': 'ada' });
    expect((await ask(gateway, bearer('x.y.z'))).status).toBe(401);
  });
});

describe('a rule in shadow', () => {
  it('counts what it would refuse, and no claim of an unverified token goes on', async () => {
    const gateway = await start({ issuer: 'main', scopes: ['read'], shadow: true });
    const forged = token({ issuer: main.issuer, key: partner.key }, { sub: 'root', scope: 'read' });
    for (const lines of [[], [bearer('x.y.z')], [bearer(forged)]]) {
      const answer = await ask(gateway, ...lines, 'X-User: root');
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('x-user');
    }
    expect((await ask(gateway, bearer(token(main, { scope: 'read' })))).headers).toMatchObject({
      'x-user': 'ada',
    });
    const refusals = { endpoint: 'me', policy: 'jwt' };
    expect(await metric(gateway.gateway, 'ferrogate_shadow_refusals_total', refusals)).toBe(3);
    const told = gateway.gateway.explain('GET', '/me');
    expect(told).toMatchObject({ verdict: 'forward', status: null });
    expect(told.steps).toContainEqual({
      step: 'token',
      outcome: 'refused in shadow',
      detail: 'token_missing: A bearer token is required.',
    });
  });
});
