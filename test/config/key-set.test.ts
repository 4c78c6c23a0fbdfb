// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the notation of references
// Where keys may come from: what is taken, and the line that says what is wrong.
import { describe, expect, it } from 'vitest';
import { maskConfig, parseConfig } from '../../src/config/index.ts';
import { config, issuer, secrets, wrong } from './support.ts';

const load = (): { keys: [] } => ({ keys: [] });
const address = 'https://vault.internal:8200';
const token = { token: 'hvs.SECRET' };
const kv = { path: 'gateway/keys' };

const withIssuer = (changes: Record<string, unknown>): Record<string, unknown> =>
  config({ issuers: { main: { ...issuer, ...changes } } });

describe('a source', () => {
  it.each([
    [{ jwks: 'https://id.example/keys' }, { url: 'https://id.example/keys' }],
    [{ jwks: { discovery: true } }, { discovery: 'https://id.example' }],
    [{ jwks: { discovery: 'https://login.example/a' } }, { discovery: 'https://login.example/a' }],
    [{ jwks: { discovery: true }, issuer: 'http://localhost:9100' }, { discovery: 'http://localhost:9100' }],
    [{ jwks: { env: 'KEYS' } }, { env: 'KEYS' }],
    [{ jwks: { env: 'KEYS', kid: 'k1' } }, { env: 'KEYS', kid: 'k1' }],
    [{ jwks: { load } }, { load }],
    [
      { jwks: { vault: { address: `${address}/`, kv, auth: token } } },
      { vault: { address, keys: { kv: { mount: 'secret', path: 'gateway/keys' } }, auth: token } },
    ],
    [
      {
        jwks: {
          vault: {
            address: 'http://127.0.0.1:8200',
            namespace: 'team/a',
            transit: { mount: 'signing', key: 'tokens' },
            auth: { appRole: { roleId: 'role', secretId: 'id' } },
            tls: { ca: 'PEM' },
          },
        },
      },
      {
        vault: {
          address: 'http://127.0.0.1:8200',
          namespace: 'team/a',
          keys: { transit: { mount: 'signing', key: 'tokens' } },
          auth: { appRole: { mount: 'approle', roleId: 'role', secretId: 'id' } },
          ca: 'PEM',
        },
      },
    ],
    [
      { jwks: { vault: { address, kv: { ...kv, field: 'jwks' }, auth: { kubernetes: { role: 'gate' } } } } },
      {
        vault: {
          address,
          keys: { kv: { mount: 'secret', path: 'gateway/keys', field: 'jwks' } },
          auth: {
            kubernetes: {
              mount: 'kubernetes',
              role: 'gate',
              tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
            },
          },
        },
      },
    ],
  ])('%j', (changes, origin) => {
    expect(parseConfig(withIssuer(changes)).keySources[0]?.jwks).toEqual(origin);
  });

  it('has bounds', () => {
    const bounds = { refreshInterval: '1m', fetchTimeout: '1s', maxStale: '7d' };
    expect(parseConfig(withIssuer(bounds)).keySources[0]).toMatchObject({
      refreshIntervalMs: 60_000,
      fetchTimeoutMs: 1_000,
      maxStaleMs: 7 * 86_400_000,
    });
    expect(parseConfig(withIssuer({ maxStale: false })).keySources[0]?.maxStaleMs).toBeNull();
  });

  it('takes its secrets from the environment and files, and shows the references', () => {
    const appRole = { roleId: '${ROLE}', secretId: { file: '/run/id' } };
    const written = withIssuer({ jwks: { vault: { address, kv, auth: { appRole } } } });
    const parsed = parseConfig(written, secrets({ ROLE: 'role' }, { '/run/id': 'SECRET\n' }));
    expect(parsed.keySources[0]?.jwks).toMatchObject({
      vault: { auth: { appRole: { roleId: 'role', secretId: 'SECRET' } } },
    });
    expect(maskConfig(parsed.written)).toEqual(written);
  });
});

describe('what is wrong with a source', () => {
  const vault = (more: Record<string, unknown>): Record<string, unknown> => ({
    jwks: { vault: { address, kv, auth: token, ...more } },
  });
  const one = 'expected exactly one of';

  it.each([
    [{ jwks: {} }, `jwks: ${one} "keys", "discovery", "vault", "env" and "load", received an object`],
    [
      { jwks: { env: 'A', discovery: true } },
      `jwks: ${one} "keys", "discovery", "vault", "env" and "load", received an object`,
    ],
    [
      { jwks: { env: 'A', kdi: 'x' } },
      'jwks.kdi: expected a known name, received "kdi" (did you mean "kid"?)',
    ],
    [{ jwks: { env: '1A' } }, 'jwks.env: expected the name of an environment variable, received "1A"'],
    [
      { jwks: { discovery: true, kid: 'a' } },
      'jwks.kid: expected nothing unless the key comes from "env", received "a"',
    ],
    [{ jwks: { load: 'f' } }, 'jwks.load: expected a function, received "f"'],
    [
      { jwks: { discovery: true }, issuer: 'accounts' },
      'jwks.discovery: expected a URL, as "issuer" is none, received true',
    ],
    [
      { jwks: { discovery: true }, issuer: 'http://id.example' },
      'issuer: expected an https URL, or "allowInsecure": true, received "http://id.example"',
    ],
    [
      { jwks: { discovery: 'http://id.example' } },
      'jwks.discovery: expected an https URL, or "allowInsecure": true, received "http://id.example"',
    ],
    [
      vault({ address: 'http://vault:8200' }),
      'jwks.vault.address: expected an https URL, or "allowInsecure": true, received "http://vault:8200"',
    ],
    [
      vault({ address: 'https://vault/v1' }),
      'jwks.vault.address: expected an http or https URL without path, query, user name and password, received "https://vault/v1"',
    ],
    [vault({ kv: undefined }), `jwks.vault: ${one} "kv" and "transit", received an object`],
    [vault({ transit: { key: 'a' } }), `jwks.vault: ${one} "kv" and "transit", received an object`],
    [vault({ auth: {} }), `jwks.vault.auth: ${one} "token", "appRole" and "kubernetes", received an object`],
    [
      vault({ auth: { token: 'SECRET token' } }),
      'jwks.vault.auth.token: expected a token, received a string that is not shown',
    ],
    [
      vault({ kv: { path: '../sys/raw' } }),
      'jwks.vault.kv.path: expected names of letters, digits, "_", "-" and ".", joined by "/", received "../sys/raw"',
    ],
    [{ maxStale: '1s' }, 'maxStale: expected a duration from "1m" to "20d", or false, received "1s"'],
    [{ fetchTimeout: '1m' }, 'fetchTimeout: expected a duration from "10ms" to "30s", received "1m"'],
  ])('%j', (changes, line) => {
    expect(wrong(withIssuer(changes))).toEqual([`issuers.main.${line}`]);
  });
});
