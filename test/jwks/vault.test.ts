// Keys in Vault against a server that follows its HTTP API: what is read, and everything that it can answer.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { startVault, type VaultStub } from '../support/vault.ts';
import { keySet } from './support.ts';
import { failure, kv, load, type More, type VaultLoader, vaultAt } from './vault-support.ts';

let vault: VaultStub;
let now = 0;

beforeEach(async () => {
  vault = await startVault();
  now = 0;
});
afterEach(() => vault.close());

const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const transit = { transit: { mount: 'transit', key: 'tokens' } };

const loader = (more?: More): VaultLoader => vaultAt(vault.url, () => now, more);

describe('KV version 2', () => {
  const put = (secret: Record<string, unknown> | null): void =>
    void vault.secrets.set('secret/gateway/keys', secret);
  const field = (name: string): More => ({ keys: { kv: { ...kv.kv, field: name } } });

  it('holds a key set as the secret itself', async () => {
    put(keySet('k1', 'k2'));
    expect((await load(loader())).map(({ kid }) => kid)).toEqual(['k1', 'k2']);
    expect(vault.requests).toEqual(['GET /v1/auth/token/lookup-self', 'GET /v1/secret/data/gateway/keys']);
  });

  it('holds keys in PEM, each in a field that is its kid', async () => {
    const second = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    put({ '2026-01': pemOf(rsa), '2026-02': pemOf(second) });
    expect((await load(loader())).map(({ kid, kty, use }) => [kid, kty, use])).toEqual([
      ['2026-01', 'RSA', 'sig'],
      ['2026-02', 'EC', 'sig'],
    ]);
  });

  it('holds a key set in one field, as text or as an object', async () => {
    put({ text: JSON.stringify(keySet('k1')), object: keySet('k2'), other: 'x' });
    expect((await load(loader(field('text'))))[0]?.['kid']).toBe('k1');
    expect((await load(loader(field('object'))))[0]?.['kid']).toBe('k2');
    expect(await failure(loader(field('absent')))).toEqual([
      'missing',
      'the secret in vault lacks the field',
    ]);
    expect((await failure(loader(field('other'))))[0]).toBe('malformed');
  });

  it('sees what is written later', async () => {
    const from = loader();
    put(keySet('k1'));
    await load(from);
    put(keySet('k2'));
    expect((await load(from))[0]?.['kid']).toBe('k2');
    expect(vault.requests.filter((line) => line.includes('lookup-self'))).toHaveLength(1);
  });

  it.each([
    ['was never written', undefined, 'missing'],
    ['is deleted', null, 'missing'],
    ['is empty', {}, 'malformed'],
    [
      'holds a private key',
      { k: '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----' },
      'malformed',
    ],
  ])('that %s counts as a failure', async (_, secret, reason) => {
    if (secret !== undefined) put(secret);
    const [found, words] = await failure(loader());
    expect(found).toBe(reason);
    expect(words).not.toContain('AAAA');
  });
});

describe('Transit', () => {
  const put = (type: string, versions: Record<string, unknown>, more = {}): void =>
    void vault.transit.set('transit/tokens', {
      type,
      name: 'tokens',
      min_decryption_version: 1,
      keys: versions,
      ...more,
    });

  it('gives every version that may verify, the newest first', async () => {
    const version = { creation_time: 't', name: 'rsa-2048', public_key: pemOf(rsa) };
    put('rsa-2048', { 1: version, 2: version, 3: version }, { min_decryption_version: 2, latest_version: 3 });
    const found = await load(loader({ keys: transit }));
    expect(found.map(({ kid, kty }) => [kid, kty])).toEqual([
      ['tokens:v3', 'RSA'],
      ['tokens:v2', 'RSA'],
    ]);
    expect(vault.requests.at(-1)).toBe('GET /v1/transit/keys/tokens');
  });

  it('gives ECDSA keys in PEM and Ed25519 keys in base64', async () => {
    const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const raw = Buffer.from(ed25519.x ?? '', 'base64url').toString('base64');
    put('ed25519', { 1: { public_key: raw } });
    expect(await load(loader({ keys: transit }))).toEqual([
      { kty: 'OKP', crv: 'Ed25519', x: ed25519.x, kid: 'tokens:v1', use: 'sig' },
    ]);
    put('ecdsa-p384', {
      1: { public_key: pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey) },
    });
    expect((await load(loader({ keys: transit })))[0]).toMatchObject({ kty: 'EC', crv: 'P-384' });
  });

  it('of many versions gives the newest 64', async () => {
    const ids = Array.from({ length: 70 }, (_, index) => index + 1);
    put(
      'ed25519',
      Object.fromEntries(ids.map((id) => [id, { public_key: Buffer.alloc(32, id).toString('base64') }])),
    );
    const found = await load(loader({ keys: transit }));
    expect([found.length, found[0]?.['kid'], found[63]?.['kid']]).toEqual([64, 'tokens:v70', 'tokens:v7']);
  });

  it.each([
    ['is symmetric', 'aes256-gcm96', { 1: 1442851412 }, 'unusable'],
    ['is of no known kind', 'ml-dsa', { 1: { public_key: 'AAAA' } }, 'malformed'],
  ])('key that %s counts as a failure', async (_, type, versions, reason) => {
    put(type, versions);
    expect((await failure(loader({ keys: transit })))[0]).toBe(reason);
  });
});

describe('what Vault answers', () => {
  beforeEach(() => void vault.secrets.set('secret/gateway/keys', keySet('k1')));

  it('is looked for in its namespace', async () => {
    vault.namespace = 'team/a';
    expect((await failure(loader()))[0]).toBe('missing');
    expect(await load(loader({ namespace: 'team/a' }))).toHaveLength(1);
  });

  it('when it is sealed counts as a failure until it is not', async () => {
    const from = loader();
    vault.isSealed = true;
    expect(await failure(from)).toEqual(['unavailable', 'vault is sealed or down for maintenance']);
    vault.isSealed = false;
    expect(await load(from)).toHaveLength(1);
  });

  it.each([
    ['bad token', { auth: { token: 'nobody' } }, 'denied'],
    ['unreadable token', { auth: { token: 'line\nbreak' } }, 'connection'],
  ])('to a %s counts as a failure', async (_, more, reason) => {
    const [found, words] = await failure(loader(more));
    expect(found).toBe(reason);
    expect(words).not.toMatch(/nobody|break/);
  });

  it('to a policy that denies reading counts as a failure', async () => {
    vault.tokens.set('mere', { ttl: 0, renewable: false, mayRead: false, mayLookUp: true });
    expect((await failure(loader({ auth: { token: 'mere' } })))[0]).toBe('denied');
  });

  it.each([
    [307, 'redirect'],
    [412, 'status'],
    [429, 'unavailable'],
    [472, 'status'],
    [500, 'unavailable'],
    [502, 'unavailable'],
  ])('with %d counts as %s', async (status, reason) => {
    vault.instead = (_, response) =>
      response.writeHead(status, { Location: 'http://127.0.0.1:1/' }).end('{}');
    expect((await failure(loader()))[0]).toBe(reason);
  });

  it.each([
    ['no JSON', 'sealed?', 'malformed'],
    ['no data', '{}', 'malformed'],
    ['too much', `{"data":{"x":"${'x'.repeat(600_000)}"}}`, 'too_large'],
  ])('with %s counts as a failure', async (_, body, reason) => {
    vault.instead = (_request, response) => response.end(body);
    expect((await failure(loader()))[0]).toBe(reason);
  });

  it('that never comes ends with the signal', async () => {
    vault.instead = () => {};
    const ending = new AbortController();
    const waiting = loader().load(ending.signal);
    ending.abort();
    await expect(waiting).rejects.toMatchObject({ reason: 'connection' });
  });

  it('is verified over TLS: by its authority, its name, and nothing less', async () => {
    const [authority, other] = [createAuthority(), createAuthority('another')];
    const issued = [
      [authority.issue('IP:127.0.0.1'), authority.ca, 'k1'],
      [authority.issue('IP:127.0.0.1'), other.ca, 'tls'],
      [authority.issue('IP:127.0.0.1'), undefined, 'tls'],
      [authority.issue('DNS:vault.test'), authority.ca, 'tls'],
    ] as const;
    for (const [certificate, ca, expected] of issued) {
      await vault.close();
      vault = await startVault(certificate);
      vault.secrets.set('secret/gateway/keys', keySet('k1'));
      const from = loader(ca === undefined ? {} : { ca });
      expect(expected === 'tls' ? (await failure(from))[0] : (await load(from))[0]?.['kid']).toBe(expected);
    }
  });

  it('is connection refused when nobody is there', async () => {
    await vault.close();
    expect(await failure(loader())).toEqual(['connection', 'the connection to vault failed: ECONNREFUSED']);
  });
});
