// Sources of keys as a gateway uses them: tokens are verified with what they gave, and no secret of theirs is told.
import { createPublicKey, randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { maskConfig } from '../../src/config/mask.ts';
import type { GatewayConfig, IssuerConfig } from '../../src/index.ts';
import { loadNative } from '../../src/native/binding.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { goodClaims, type SigningKey, signingKey, signToken } from '../support/issuer.ts';
import { until } from '../support/until.ts';
import { startVault } from '../support/vault.ts';

const issuer = 'https://id.example';

function configOf(jwks: IssuerConfig['jwks']): GatewayConfig {
  return { issuers: { main: { issuer, audience: ['test'], jwks } } };
}

function gatewayWith(jwks: IssuerConfig['jwks'], core: string = randomUUID()): TestGateway {
  const made = makeGateway(configOf(jwks), { core });
  made.gateway.get('/', { jwt: 'main' }, ({ claims }) => String(claims?.['sub']));
  return made;
}

async function ask({ gateway }: TestGateway, key: SigningKey, kid = key.kid): Promise<number> {
  const headers = { authorization: `Bearer ${signToken({ ...key, kid }, goodClaims(issuer))}` };
  return (await gateway.inject({ method: 'GET', url: '/', headers })).status;
}

/** A version of a Transit key. */
const versionOf = (key: SigningKey): { public_key: string } => ({
  public_key: createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' }).toString(),
});

describe('a gateway', () => {
  it('verifies with a Transit key of Vault, and with its next version as soon as a token names it', async () => {
    const vault = await startVault();
    onTestFinished(() => vault.close());
    const [first, second] = [signingKey('first'), signingKey('second')];
    const versions: Record<string, object> = { 1: versionOf(first) };
    vault.transit.set('transit/tokens', { type: 'rsa-2048', keys: versions });
    vault.appRoles.set('gate', { secretId: 'hunter2' });
    const made = gatewayWith({
      vault: {
        address: vault.url,
        transit: { key: 'tokens' },
        auth: { appRole: { roleId: 'gate', secretId: 'hunter2' } },
      },
    });
    await made.gateway.inject('/');
    await until('keys', async () => (await ask(made, first, 'tokens:v1')) === 200);
    versions['2'] = versionOf(second);
    expect(await ask(made, second, 'tokens:v2')).toBe(200);
    expect(await ask(made, first, 'tokens:v1')).toBe(200);
    expect(await ask(made, second, 'tokens:v1')).toBe(401);
    expect(JSON.stringify(made.lines)).not.toMatch(/hunter2|hvs\./);
  });

  it('verifies with what a function gives, and calls it again for a key that it does not know', async () => {
    let keys = [signingKey('first')];
    const made = gatewayWith({ load: async () => ({ keys: keys.map(({ jwk }) => jwk) }) });
    await made.gateway.inject('/');
    await until('keys', async () => (await ask(made, signingKey('first'))) === 200);
    keys = [signingKey('second')];
    expect(await ask(made, signingKey('second'))).toBe(200);
    expect(await ask(made, signingKey('first'))).toBe(401);
  });

  it('refuses tokens with 503 when its keys are too old, those that it knows too, until keys come', async () => {
    const key = signingKey('first');
    const core = randomUUID();
    const made = gatewayWith({ keys: [key.jwk] }, core);
    expect(await ask(made, key)).toBe(200);
    const native = loadNative();
    const held = native.coreOpen(core);
    onTestFinished(() => native.coreClose(held));
    native.expireKeys(held, 'main');
    native.expireKeys(held, 'nobody');
    const headers = { authorization: `Bearer ${signToken(key, goodClaims(issuer))}` };
    const refused = await made.gateway.inject({ method: 'GET', url: '/', headers });
    expect([refused.status, await refused.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'keys_unavailable' }),
    ]);
    expect(made.gateway.ready().reasons).toContain('issuer "main" has no keys');
    native.putKeys(held, 'main', JSON.stringify({ keys: [key.jwk] }));
    expect(await ask(made, key)).toBe(200);
  });

  it('shows its configuration without the secrets of a source', () => {
    const load = (): { keys: [] } => ({ keys: [] });
    const auth = { appRole: { roleId: 'SECRET-role', secretId: 'SECRET-id' } };
    const vault = { address: 'https://vault.test', transit: { key: 'tokens' }, auth };
    const shown = maskConfig({
      issuers: {
        vault: { jwks: { vault } },
        token: { jwks: { vault: { ...vault, auth: { token: 'SECRET-token' } } } },
        env: { jwks: { env: 'KEYS', kid: 'k1' } },
        load: { jwks: { load } },
      },
    });
    expect(JSON.stringify(shown)).not.toContain('SECRET');
    expect(shown).toMatchObject({
      issuers: { vault: { jwks: { vault: { transit: { key: 'tokens' } } } }, env: { jwks: { env: 'KEYS' } } },
    });
  });
});
