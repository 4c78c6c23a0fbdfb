// A real issuer whose keys change, fail, and come late: one refresh for all who wait, a cooldown, and the last good set kept.
import { describe, expect, it } from 'vitest';
import { type ListeningGateway, metric, startGateway } from '../support/gateway.ts';
import { type Issuer, signingKey, startIssuer } from '../support/issuer.ts';
import { gate, until } from '../support/until.ts';

const start = (issuer: Issuer, more: { refreshCooldown?: string } = {}): Promise<ListeningGateway> =>
  startGateway(
    { issuers: { main: { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl, ...more } } },
    (gateway) => gateway.get('/', { jwt: 'main' }, ({ claims }) => String(claims?.['sub'])),
  );

const ask = async ({ url }: ListeningGateway, token: string): Promise<number> =>
  (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;

describe('before the first key set', () => {
  it('answers 503 with Retry-After, is not ready, and then serves', async () => {
    const issuer = await startIssuer();
    const open = gate();
    const { answer } = issuer;
    issuer.answer = (request, response) => void open.opened.then(() => answer(request, response));
    const gateway = await start(issuer);
    const early = await fetch(gateway.url, { headers: { authorization: `Bearer ${issuer.token()}` } });
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await early.json()).toMatchObject({ code: 'keys_unavailable' });
    expect(gateway.gateway.ready()).toEqual({ ready: false, reasons: [expect.stringContaining('"main"')] });
    expect((await fetch(gateway.url)).status).toBe(401);
    open.open();
    await until('keys', () => gateway.gateway.ready().ready);
    expect(await ask(gateway, issuer.token())).toBe(200);
    expect(await metric(gateway.gateway, 'ferrogate_issuer_keys', { issuer: 'main' })).toBe(1);
  });

  it('stays up when the issuer is down, and says so', async () => {
    const issuer = await startIssuer();
    issuer.answer = (_, response) => response.writeHead(500).end();
    const gateway = await start(issuer);
    await until('a failed fetch', () => gateway.lines.some((line) => line.level === 'warn'));
    expect(await ask(gateway, issuer.token())).toBe(503);
    expect(
      await metric(gateway.gateway, 'ferrogate_key_set_refreshes_total', { outcome: 'failed' }),
    ).toBeGreaterThan(0);
  });
});

describe('a token that names a new key', () => {
  it('causes one fetch for all who wait, and all are let in', async () => {
    const issuer = await startIssuer();
    const gateway = await start(issuer);
    await until('keys', () => gateway.gateway.ready().ready);
    const before = issuer.fetches;
    const next = signingKey('next');
    issuer.keys = [signingKey('main'), next];
    const open = gate();
    const { answer } = issuer;
    issuer.answer = (request, response) => void open.opened.then(() => answer(request, response));
    const waiting = Array.from({ length: 50 }, () => ask(gateway, issuer.token({}, { key: next })));
    await until(
      'all to wait',
      async () => (await metric(gateway.gateway, 'ferrogate_parked_requests')) === 50,
    );
    expect(await ask(gateway, issuer.token())).toBe(200);
    open.open();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([200]));
    expect(issuer.fetches).toBe(before + 1);
    expect(await metric(gateway.gateway, 'ferrogate_parked_requests')).toBe(0);
  });

  it('that nobody knows is 401 after one fetch, and for the cooldown no other is made', async () => {
    const issuer = await startIssuer();
    const gateway = await start(issuer);
    await until('keys', () => gateway.gateway.ready().ready);
    const before = issuer.fetches;
    for (const kid of ['nobody', 'nobody', 'someone', 'else'])
      expect(await ask(gateway, issuer.token({}, { key: { ...signingKey('other'), kid } }))).toBe(401);
    expect(issuer.fetches).toBe(before + 1);
    expect(await ask(gateway, issuer.token())).toBe(200);
  });

  it('is found after the cooldown, and brings what was missing before', async () => {
    const issuer = await startIssuer();
    const gateway = await start(issuer, { refreshCooldown: '1s' });
    await until('keys', () => gateway.gateway.ready().ready);
    const [early, late] = [signingKey('early'), signingKey('late')];
    expect(await ask(gateway, issuer.token({}, { key: early }))).toBe(401);
    issuer.keys = [early, late];
    await until('the new keys', async () => (await ask(gateway, issuer.token({}, { key: late }))) === 200);
    expect(await ask(gateway, issuer.token({}, { key: early }))).toBe(200);
    expect(await ask(gateway, issuer.token())).toBe(401);
  });

  it('while the issuer fails is 401, and the last good set is kept', async () => {
    const issuer = await startIssuer();
    const gateway = await start(issuer);
    await until('keys', () => gateway.gateway.ready().ready);
    issuer.answer = (_, response) => response.writeHead(503).end();
    expect(await ask(gateway, issuer.token({}, { key: signingKey('next') }))).toBe(401);
    expect(await ask(gateway, issuer.token())).toBe(200);
    expect(gateway.gateway.ready().ready).toBe(true);
  });

  it('waits with its body, which arrives whole', async () => {
    const issuer = await startIssuer();
    const gateway = await startGateway(
      { issuers: { main: { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl } } },
      (made) => made.post('/', { jwt: 'main' }, async ({ body }) => String((await body.bytes()).length)),
    );
    await until('keys', () => gateway.gateway.ready().ready);
    const next = signingKey('next');
    issuer.keys = [next];
    const open = gate();
    const { answer } = issuer;
    issuer.answer = (request, response) => void open.opened.then(() => answer(request, response));
    const headers = { authorization: `Bearer ${issuer.token({}, { key: next })}` };
    const sent = fetch(gateway.url, { method: 'POST', headers, body: new Uint8Array(900_000) });
    await until('it to wait', async () => (await metric(gateway.gateway, 'ferrogate_parked_requests')) === 1);
    open.open();
    expect(await (await sent).text()).toBe('900000');
  });
});

describe('a client that leaves while its request waits', () => {
  it('leaves nothing parked', async () => {
    const issuer = await startIssuer();
    const gateway = await start(issuer);
    await until('keys', () => gateway.gateway.ready().ready);
    issuer.answer = () => {};
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${issuer.token({}, { key: signingKey('next') })}` };
    const sent = fetch(gateway.url, { headers, signal: leaving.signal }).catch(() => 'left');
    await until('it to wait', async () => (await metric(gateway.gateway, 'ferrogate_parked_requests')) === 1);
    leaving.abort();
    expect(await sent).toBe('left');
    await until(
      'nothing parked',
      async () => (await metric(gateway.gateway, 'ferrogate_parked_requests')) === 0,
    );
    await until('nothing in flight', async () => (await gateway.inFlight()) === 0);
  });
});
