// Floods of bad tokens over the wire: signatures of one client are checked up to a limit, unknown keys are fetched once, and whoever was verified before goes on.
import { describe, expect, it } from 'vitest';
import type { IssuerConfig } from '../../src/index.ts';
import { type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken, startIssuer } from '../support/issuer.ts';
import { type RawAnswer, RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';

const issuer = 'https://id.test';
const key = signingKey('main');
/** Another key under the same name. */
const forger = { ...signingKey('forger'), kid: 'main' };

const claims = (jti: number): object => ({ ...goodClaims(issuer), jti });
const good = (jti: number): string => signToken(key, claims(jti));
const forged = (jti: number): string => signToken(forger, claims(jti));

const start = (changes: Partial<IssuerConfig> = {}): Promise<ListeningGateway> =>
  startGateway(
    { issuers: { main: { issuer, audience: ['test'], jwks: { keys: [key.jwk] }, ...changes } } },
    (gateway) => gateway.get('/', { jwt: 'main' }, ({ claims }) => String(claims?.['jti'])),
  );

const get = (token: string): string => requestText('GET', '/', [`Authorization: Bearer ${token}`]);

const ask = (client: RawClient, token: string): Promise<RawAnswer> => client.send(get(token)).answer();

describe('tokens that fail', () => {
  it('past the limit of their client are 429 without a check, and tokens verified before go on', async () => {
    const { port, gateway, record } = await start({ failureLimit: { rate: 1, per: '1h', burst: 5 } });
    const client = await RawClient.connect(port);
    const known = good(1);
    expect((await ask(client, known)).status).toBe(200);
    for (let n = 0; n < 5; n += 1) expect((await ask(client, forged(n))).status).toBe(401);
    for (const token of [forged(9), good(2), signToken(key, { ...claims(3), aud: 'other' })]) {
      const answer = await ask(client, token);
      expect([answer.status, answer.header('www-authenticate')]).toEqual([429, undefined]);
      expect(Number(answer.header('retry-after'))).toBeGreaterThan(3500);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 429, code: 'token_failures' });
    }
    expect((await ask(client, known)).status).toBe(200);
    const cheap = [
      'nonsense',
      signToken(key, { ...claims(4), exp: 1 }),
      signToken(key, claims(5), { alg: 'HS256' }),
    ];
    for (const token of cheap) expect((await ask(client, token)).status).toBe(401);
    expect(await metric(gateway, 'ferrogate_tokens_unchecked_total', { issuer: 'main' })).toBe(3);
    expect(await metric(gateway, 'ferrogate_token_signature_checks_total', { issuer: 'main' })).toBe(6);
    expect(await record(({ status }) => status === 429)).toMatchObject({ verdict: 'token_failures' });
  });

  it('have a limit by default', async () => {
    const { port, gateway } = await start();
    const client = await RawClient.connect(port);
    const statuses = new Set<number>();
    for (let n = 0; !statuses.has(429); n += 1) {
      expect(n).toBeLessThan(10_000);
      statuses.add((await ask(client, forged(n))).status);
    }
    expect([...statuses]).toEqual([401, 429]);
    expect(await metric(gateway, 'ferrogate_token_signature_checks_total')).toBeGreaterThanOrEqual(100);
  });

  it('have none where it is off', async () => {
    const { port, gateway } = await start({ failureLimit: false });
    const client = await RawClient.connect(port);
    for (let n = 0; n < 150; n += 1) expect((await ask(client, forged(n))).status).toBe(401);
    expect(await metric(gateway, 'ferrogate_token_signature_checks_total')).toBe(150);
  });
});

describe('tokens that name keys at random', () => {
  it('thousands at once fetch the key set once, are all 401, and cause no further fetch', async () => {
    const source = await startIssuer();
    const { gateway } = await startGateway(
      { issuers: { main: { issuer: source.issuer, audience: ['test'], jwks: source.jwksUrl } } },
      (made) => made.get('/', { jwt: 'main' }, ({ claims }) => String(claims?.['sub'])),
    );
    await until('keys', () => gateway.ready().ready);
    const before = source.fetches;
    // The flood keeps the event loop busy: a kept connection to the metrics may be stale.
    const parked = (): Promise<number | undefined> =>
      metric(gateway, 'ferrogate_parked_requests').catch(() => undefined);
    const [, rest = ''] = /^[^.]*(\..*)$/.exec(source.token()) ?? [];
    let kid = 0;
    const flood = (count: number): Promise<number>[] =>
      Array.from({ length: count }, async () => {
        kid += 1;
        const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: `random-${kid}` }));
        const headers = { authorization: `Bearer ${header.toString('base64url')}${rest}` };
        return (await gateway.inject({ url: '/', headers })).status;
      });

    const open = gate();
    const { answer } = source;
    source.answer = (request, response) => void open.opened.then(() => answer(request, response));
    const waiting = flood(2_000);
    await until('all to wait', async () => (await parked()) === 2_000);
    expect(source.fetches).toBe(before + 1);
    open.open();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([401]));
    expect(new Set(await Promise.all(flood(2_000)))).toEqual(new Set([401]));
    expect(source.fetches).toBe(before + 1);
    await until('nothing to wait', async () => (await parked()) === 0);
    const headers = { authorization: `Bearer ${source.token()}` };
    expect((await gateway.inject({ url: '/', headers })).status).toBe(200);
  });
});
