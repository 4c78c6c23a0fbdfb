// Signers: which private keys are taken, functions, and the Transit engine of Vault, whose documented answers a stub gives.
import { createSign, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  functionSigner,
  type PrivateKey,
  type TokenService,
  type TokenServiceOptions,
  vaultTransitSigner,
} from '../../src/auth/index.ts';
import { signingKey } from '../support/issuer.ts';
import { makeService, outcomeOf } from './support.ts';
import { rotatedAt, startVault } from './vault.ts';

async function verifies(service: TokenService, now: number): Promise<string> {
  const tokens = await service.issue({ subject: 'ada' });
  const keys = createLocalJWKSet({ keys: [...(await service.jwks()).keys] });
  const { protectedHeader } = await jwtVerify(tokens.access_token, keys, { currentDate: new Date(now) });
  return protectedHeader.kid ?? '';
}

const { privateKey } = signingKey('main');
const jwk = privateKey.export({ format: 'jwk' }) as JWK;

describe('a private key', () => {
  it.each<[string, () => PrivateKey | Promise<PrivateKey>]>([
    ['PEM, PKCS#8', () => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
    ['PEM, PKCS#1', () => privateKey.export({ type: 'pkcs1', format: 'pem' }) as string],
    ['KeyObject', () => privateKey],
    ['JWK', () => jwk],
    [
      'CryptoKey',
      () =>
        webcrypto.subtle.importKey(
          'jwk',
          jwk as webcrypto.JsonWebKey,
          { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
          false,
          ['sign'],
        ),
    ],
  ])('may be %s', async (_, made) => {
    const { service, clock } = makeService({ signer: await made() });
    const { service: other } = makeService({ signer: privateKey });
    const [{ kid } = { kid: '' }] = (await other.jwks()).keys;
    expect(await verifies(service, clock.now)).toBe(kid);
    expect(kid).toMatch(/^[\w-]{43}$/);
  });

  it('is published without its private members, under the kid that it was given', async () => {
    const { service } = makeService({ signer: [{ key: { ...jwk, kid: 'own' }, kid: 'mine' }] });
    const [key] = (await service.jwks()).keys;
    expect(key).toEqual({ kty: 'RSA', n: jwk.n, e: jwk.e, kid: 'mine', alg: 'RS256', use: 'sig' });
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => []],
    ['text', () => 'secret text'],
    ['a public key', () => signingKey('main').jwk],
    ['an elliptic curve', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['RSA-PSS', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey],
    ['1024 bit', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
  ])('is refused: %s', (_, made) => {
    const signer = made() as TokenServiceOptions['signer'];
    expect(() => makeService({ signer })).toThrow(TypeError);
    expect(() => makeService({ signer })).not.toThrow('secret text');
  });
});

describe('a function that signs', () => {
  const { n = '', e = '' } = jwk;
  const keys = [{ kid: 'kms-1', publicKey: { kty: 'RSA', n, e }, createdAt: null }];
  const signed = (key: KeyObject) => (bytes: Uint8Array) => createSign('RSA-SHA256').update(bytes).sign(key);

  it('is given the bytes and the kid', async () => {
    const kids: string[] = [];
    const sign = (bytes: Uint8Array, kid: string) => {
      kids.push(kid);
      return signed(privateKey)(bytes);
    };
    const { service, clock } = makeService({ signer: functionSigner({ sign, keys: () => keys }) });
    expect(await verifies(service, clock.now)).toBe('kms-1');
    expect(kids).toEqual(['kms-1']);
  });

  it.each([
    ['another key', signed(signingKey('other').privateKey)],
    ['nothing', () => new Uint8Array()],
    ['zeros', () => new Uint8Array(256)],
  ])('gives out no token with a signature that is wrong: %s', async (_, sign) => {
    const { service } = makeService({ signer: functionSigner({ sign, keys }) });
    expect(await outcomeOf(service.issue({ subject: 'ada' }))).toBe('ERR_FG_SIGNER_UNAVAILABLE');
    expect(await service.sessions('ada')).toEqual([]);
  });

  it.each([
    ['none', []],
    ['two of one kid', [...keys, ...keys]],
    ['one that is no RSA key', [{ kid: 'a', publicKey: { kty: 'EC' }, createdAt: null }]],
  ])('has keys that can be published: %s', async (_, wrong) => {
    const { service } = makeService({ signer: functionSigner({ sign: signed(privateKey), keys: wrong }) });
    expect(await outcomeOf(service.jwks())).toBe('ERR_FG_SIGNER_UNAVAILABLE');
  });
});

describe('the Transit engine', () => {
  const made = '2027-01-01T00:00:00Z';
  const options = { mount: 'sign-here', key: 'tokens', token: 's.root' };

  it('signs with the version that it was asked for, by PKCS#1 v1.5 and SHA-256', async () => {
    const vault = await startVault(made);
    const { service, clock } = makeService({
      signer: vaultTransitSigner({ url: vault.url, ...options, namespace: 'ns' }),
    });
    await verifies(service, clock.now);
    expect(vault.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/sign-here/keys/tokens',
      'POST /v1/sign-here/sign/tokens',
    ]);
    expect(vault.asked[1]?.body).toEqual({
      input: expect.any(String),
      hash_algorithm: 'sha2-256',
      signature_algorithm: 'pkcs1v15',
      key_version: 1,
    });
    expect(vault.asked[1]?.headers).toMatchObject({ 'x-vault-token': 's.root', 'x-vault-namespace': 'ns' });
  });

  it('makes a new version, which is published before it signs', async () => {
    const vault = await startVault(made);
    const signer = vaultTransitSigner({ url: vault.url, ...options });
    const { service, clock } = makeService({ signer });
    clock.now = Date.parse(rotatedAt);
    const old = await verifies(service, clock.now);
    const [, next] = await service.rotateKey();
    expect(next).toMatchObject({ state: 'next', signsFrom: Date.parse(rotatedAt) + 600_000 });
    expect(await verifies(service, clock.now)).toBe(old);
    clock.pass(600_000);
    expect(await verifies(service, clock.now)).toBe(next?.kid);
    expect(vault.asked.at(-1)?.body).toMatchObject({ key_version: 2 });
    // Another process, started only now, agrees.
    const { service: other } = makeService({
      signer: vaultTransitSigner({ url: vault.url, ...options }),
      clock: () => clock.now,
    });
    expect(await other.keys()).toEqual(await service.keys());
    vault.oldest = 2;
    clock.pass(120_000);
    await verifies(service, clock.now);
    expect((await service.keys()).map(({ kid }) => kid)).toEqual([next?.kid]);
  });

  it('is asked with the token of a file or function, as it is then', async () => {
    const vault = await startVault(made);
    const folder = mkdtempSync(join(tmpdir(), 'ferrogate-vault-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 's.root\n');
    const { key, mount } = options;
    const { service, clock } = makeService({
      signer: vaultTransitSigner({ url: vault.url, key, mount, tokenFile }),
    });
    await verifies(service, clock.now);
    vault.token = 's.new';
    expect(await outcomeOf(service.issue({ subject: 'ada' }))).toBe('ERR_FG_SIGNER_UNAVAILABLE');
    writeFileSync(tokenFile, 's.new\n');
    await verifies(service, clock.now);
    const token = async () => vault.token;
    const asking = vaultTransitSigner({ url: vault.url, key, mount, token });
    await verifies(makeService({ signer: asking, clock: () => clock.now }).service, clock.now);
  });

  it.each<[string, Partial<{ status: number; signature: string }>]>([
    ['a refusal', { status: 403 }],
    ['a sealed server', { status: 503 }],
    ['a redirect', { status: 307 }],
    ['another version', { signature: `vault:v2:${Buffer.alloc(256, 1).toString('base64')}` }],
    ['a signature that is wrong', { signature: `vault:v1:${Buffer.alloc(256, 1).toString('base64')}` }],
    ['no signature', { signature: 'none' }],
  ])('gives out no token after %s', async (_, fault) => {
    const vault = await startVault(made);
    const { service } = makeService({ signer: vaultTransitSigner({ url: vault.url, ...options }) });
    await service.jwks();
    Object.assign(vault, fault);
    const error = await service.issue({ subject: 'ada' }).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'ERR_FG_SIGNER_UNAVAILABLE', status: 503 });
    expect(`${(error as Error).message}${(error as Error).cause}`).not.toContain('s.root');
  });

  it.each([
    ['http beyond loopback', { url: 'http://vault.example:8200', key: 'k', token: 't' }],
    ['no URL', { url: 'vault', key: 'k', token: 't' }],
    ['no token', { url: 'https://vault.example', key: 'k' }],
    ['two tokens', { url: 'https://vault.example', key: 'k', token: 't', tokenFile: '/t' }],
    ['a key that is a path', { url: 'https://vault.example', key: '../k', token: 't' }],
    ['a mount that leaves', { url: 'https://vault.example', mount: 'a/../b', key: 'k', token: 't' }],
    ['no time', { url: 'https://vault.example', key: 'k', token: 't', timeoutMs: 0 }],
  ])('is not made with %s', (_, wrong) => {
    expect(() => vaultTransitSigner(wrong)).toThrow(TypeError);
  });
});
