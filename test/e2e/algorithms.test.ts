// Every signature algorithm: tokens that jose signs are let in, and no `alg` of a header makes a key do what it is not for.
import {
  constants,
  createHmac,
  createPublicKey,
  KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import {
  type CryptoKey,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { describe, expect, it } from 'vitest';
import type { Gateway, GatewayConfig } from '../../src/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { goodClaims } from '../support/issuer.ts';

const issuer = 'https://id.test';
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
  'Ed25519',
] as const;
type Algorithm = (typeof algorithms)[number];

interface Key {
  readonly algorithm: Algorithm;
  readonly privateKey: CryptoKey;
  /** Its `kid` and `alg` are its algorithm. */
  readonly jwk: JWK;
}

const keys: readonly Key[] = await Promise.all(
  algorithms.map(async (algorithm) => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: algorithm, alg: algorithm, use: 'sig' };
    return { algorithm, privateKey, jwk };
  }),
);

const pinned = keys.map(({ jwk }) => jwk);
/** The same keys without a word of their algorithm. */
const unpinned = pinned.map(({ alg: _, use: __, ...rest }) => rest);

function start(jwks: readonly JWK[], allowed: readonly Algorithm[]): Gateway {
  const config: GatewayConfig = {
    issuers: {
      main: {
        issuer,
        audience: ['test'],
        algorithms: [...allowed],
        jwks: { keys: jwks.map((jwk) => ({ ...jwk })) },
        failureLimit: false,
      },
    },
  };
  const { gateway } = makeGateway(config);
  gateway.get('/me', { jwt: 'main' }, ({ claims }) => String(claims?.['sub']));
  return gateway;
}

async function ask(gateway: Gateway, token: string): Promise<{ status: number; text: string }> {
  const response = await gateway.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, text: await response.text() };
}

const byJose = ({ algorithm, privateKey }: Key): Promise<string> =>
  new SignJWT(goodClaims(issuer)).setProtectedHeader({ alg: algorithm, kid: algorithm }).sign(privateKey);

const digests: Readonly<Record<string, string>> = { 256: 'sha256', 384: 'sha384', 512: 'sha512' };

/** A token with any header, signed as the key itself signs. */
function signedBy({ algorithm, privateKey }: Key, header: object): string {
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${text(header)}.${text(goodClaims(issuer))}`;
  const options: SignKeyObjectInput = { key: KeyObject.from(privateKey), dsaEncoding: 'ieee-p1363' };
  if (algorithm.startsWith('PS')) {
    options.padding = constants.RSA_PKCS1_PSS_PADDING;
    options.saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  }
  const digest = algorithm.startsWith('Ed') ? null : digests[algorithm.slice(2)];
  return `${input}.${sign(digest, Buffer.from(input), options).toString('base64url')}`;
}

describe('a token signed by jose', () => {
  it.each(keys)('$algorithm is let in, cold and from the cache', async (key) => {
    for (const jwks of [pinned, unpinned]) {
      const gateway = start(jwks, algorithms);
      const token = await byJose(key);
      for (let round = 0; round < 2; round += 1)
        expect(await ask(gateway, token)).toEqual({ status: 200, text: 'ada' });
    }
  });

  it.each(keys)('$algorithm is refused where the issuer does not list it', async (key) => {
    const gateway = start(
      pinned,
      algorithms.filter((one) => one !== key.algorithm),
    );
    const { status, text } = await ask(gateway, await byJose(key));
    expect([status, JSON.parse(text).detail]).toEqual([401, 'the alg of the header is not allowed']);
  });
});

describe('alg of the header', () => {
  it('is taken for the key that is for it and no other, as jose takes it', async () => {
    const gateway = start(pinned, algorithms);
    const local = createLocalJWKSet({ keys: pinned });
    let good = 0;
    for (const alg of [...algorithms, 'none', 'HS256', 'rs256', '']) {
      for (const key of keys) {
        const token = signedBy(key, { alg, kid: key.algorithm });
        const accepted = await jwtVerify(token, local, { algorithms: [...algorithms], issuer }).then(
          () => 200,
          () => 401,
        );
        const { status } = await ask(gateway, token);
        expect([alg, key.algorithm, status]).toEqual([alg, key.algorithm, accepted]);
        expect(status).toBe(alg === key.algorithm ? 200 : 401);
        good += status === 200 ? 1 : 0;
      }
    }
    expect(good).toBe(algorithms.length);
  });

  it('makes no public key a secret', async () => {
    const gateway = start(unpinned, algorithms);
    for (const { algorithm, privateKey, jwk } of keys) {
      const publicKey = createPublicKey(KeyObject.from(privateKey));
      const secrets = [
        publicKey.export({ format: 'pem', type: 'spki' }),
        publicKey.export({ format: 'der', type: 'spki' }),
        JSON.stringify(jwk),
      ];
      for (const secret of secrets) {
        const [input = ''] = signedBy(keys[0] as Key, { alg: 'HS256', kid: algorithm }).split(/\.[^.]*$/);
        const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
        expect((await ask(gateway, token)).status).toBe(401);
      }
    }
  });
});
