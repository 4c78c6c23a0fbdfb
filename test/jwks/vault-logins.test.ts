// Logins to Vault and the leases of tokens, against a server that follows its HTTP API and a clock in hand.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startVault, type VaultStub } from '../support/vault.ts';
import { keySet } from './support.ts';
import { failure, load, type More, never, type VaultLoader, vaultAt } from './vault-support.ts';

let vault: VaultStub;
let now = 0;

beforeEach(async () => {
  vault = await startVault();
  now = 0;
});
afterEach(() => vault.close());

const loader = (more?: More): VaultLoader => vaultAt(vault.url, () => now, more);

describe('logins', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-vault-'));
  const tokenFile = join(folder, 'token');
  afterEach(() => rmSync(tokenFile, { force: true }));
  const appRole = (secretId?: string): More => ({
    auth: { appRole: { mount: 'approle', roleId: 'gate', ...(secretId === undefined ? {} : { secretId }) } },
  });
  const kubernetes: More = { auth: { kubernetes: { mount: 'kubernetes', role: 'gate', tokenFile } } };
  const logins = (): number => vault.requests.filter((line) => line.endsWith('/login')).length;
  const renewals = (): number => vault.requests.filter((line) => line.endsWith('/renew-self')).length;

  beforeEach(() => {
    vault.secrets.set('secret/gateway/keys', keySet('k1'));
    vault.appRoles.set('gate', { secretId: 'hunter2' });
  });

  it('by AppRole, once for as long as the lease is young', async () => {
    const from = loader(appRole('hunter2'));
    for (now = 0; now < 1_800_000; now += 600_000) expect(await load(from)).toHaveLength(1);
    expect([logins(), renewals()]).toEqual([1, 0]);
  });

  it('by AppRole without a secret id', async () => {
    vault.appRoles.set('gate', { secretId: null });
    expect(await load(loader(appRole()))).toHaveLength(1);
  });

  it('by the service account, whose token is read each time', async () => {
    vault.roles.set('gate', 'account-2');
    writeFileSync(tokenFile, 'account-1');
    const from = loader(kubernetes);
    expect(await failure(from)).toEqual(['denied', 'vault answered 403 to the login']);
    writeFileSync(tokenFile, 'account-2\n');
    expect(await load(from)).toHaveLength(1);
    rmSync(tokenFile);
    vault.tokens.clear();
    expect((await failure(from))[0]).toBe('missing');
  });

  it('are renewed in the second half of their lease', async () => {
    const from = loader(appRole('hunter2'));
    for (now = 0; now < 36_000_000; now += 600_000) await load(from);
    expect([logins(), renewals()]).toEqual([1, 19]);
  });

  it('are made anew when the lease is not renewed, too short, or over', async () => {
    vault.granted = { ttl: 3600, renewable: false };
    const from = loader(appRole('hunter2'));
    await load(from);
    now += 1_800_000;
    await load(from);
    expect([logins(), renewals()]).toEqual([2, 0]);
    vault.granted = { ttl: 3600, renewable: true };
    now += 1_800_000;
    await load(from);
    vault.renewed = 60;
    now += 1_800_000;
    await load(from);
    expect([logins(), renewals()]).toEqual([4, 1]);
    now += 36_000_000;
    await load(from);
    expect([logins(), renewals()]).toEqual([5, 1]);
  });

  it('are made anew once when a token is revoked before its time', async () => {
    const from = loader(appRole('hunter2'));
    await load(from);
    vault.tokens.clear();
    expect(await load(from)).toHaveLength(1);
    expect(logins()).toBe(2);
  });

  it('that are refused count as a failure, and never tell the secret', async () => {
    const told = await failure(loader(appRole('wrong-secret')));
    expect(told).toEqual(['denied', 'vault answered 400 to the login']);
  });

  it('with a token of its own renew it, and read again in time for that', async () => {
    vault.tokens.set('own', { ttl: 3600, renewable: true, mayRead: true, mayLookUp: true });
    const from = loader({ auth: { token: 'own' } });
    expect((await from.load(never)).freshMs).toBe(2_700_000);
    now = 0.8 * 2_700_000;
    expect((await from.load(never)).freshMs).toBe(2_700_000);
    expect([logins(), renewals()]).toEqual([0, 1]);
  });

  it('with a token that may not look at itself use it as it is', async () => {
    vault.tokens.set('shy', { ttl: 3600, renewable: true, mayRead: true, mayLookUp: false });
    expect((await loader({ auth: { token: 'shy' } }).load(never)).freshMs).toBeUndefined();
  });

  it('with a token that does not end are not renewed', async () => {
    const from = loader();
    for (now = 0; now < 36_000_000; now += 600_000) await load(from);
    expect(renewals()).toBe(0);
  });
});
