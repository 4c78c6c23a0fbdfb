// A stub of the Transit engine of HashiCorp Vault: what its documentation says of keys, sign and rotate, and faults on demand.
import { createPublicKey, createSign, type KeyObject, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { signingKey } from '../support/issuer.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, unknown>;
  readonly body: Record<string, unknown>;
}

export interface Vault {
  readonly url: string;
  readonly asked: Asked[];
  /** Versions of the key, oldest first. */
  readonly versions: { key: KeyObject; created: string }[];
  token: string;
  oldest: number;
  /** Instead of an answer: a status, or a signature. */
  status: number | null;
  signature: string | null;
}

/** Transit as https://developer.hashicorp.com/vault/api-docs/secret/transit tells of it. */
export async function startVault(created: string): Promise<Vault> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { method = '', url: path = '', headers } = request;
    vault.asked.push({ method, path, headers, body: text === '' ? {} : JSON.parse(text) });
    const answer = (status: number, body: object): void =>
      void response.writeHead(status).end(JSON.stringify(body));
    if (headers['x-vault-token'] !== vault.token) answer(403, { errors: ['permission denied'] });
    else if (vault.status !== null) answer(vault.status, { errors: [] });
    else if (path === '/v1/sign-here/keys/tokens') answer(200, { data: keysOf(vault) });
    else if (path === '/v1/sign-here/keys/tokens/rotate') {
      vault.versions.push({ key: signingKey(randomUUID()).privateKey, created: rotatedAt });
      answer(200, { data: keysOf(vault) });
    } else if (path === '/v1/sign-here/sign/tokens') {
      const { input = '', key_version: version = 0 } = vault.asked.at(-1)?.body ?? {};
      const key = vault.versions[Number(version) - 1]?.key ?? signingKey('main').privateKey;
      const bytes = createSign('RSA-SHA256')
        .update(Buffer.from(String(input), 'base64'))
        .sign(key, 'base64');
      answer(200, {
        data: { signature: vault.signature ?? `vault:v${version}:${bytes}`, key_version: version },
      });
    } else answer(404, { errors: [] });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const vault: Vault = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    versions: [{ key: signingKey('main').privateKey, created }],
    token: 's.root',
    oldest: 1,
    status: null,
    signature: null,
  };
  return vault;
}

/** When the stub says that a version was made by `rotate`. */
export const rotatedAt = '2027-01-15T08:00:00.123456789Z';

function keysOf({ versions, oldest }: Vault): object {
  const described = versions.map(({ key, created }, at) => [
    at + 1,
    {
      creation_time: created,
      name: 'rsa-2048',
      public_key: createPublicKey(key).export({ type: 'spki', format: 'pem' }),
    },
  ]);
  return {
    type: 'rsa-2048',
    name: 'tokens',
    latest_version: versions.length,
    min_decryption_version: oldest,
    keys: Object.fromEntries(described.slice(oldest - 1)),
  };
}
