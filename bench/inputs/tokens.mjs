// The one source of benchmark tokens: a key pair made at start, and RS256 tokens of about 500 bytes signed with it.
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';

export const ISSUER = 'https://id.test';
export const AUDIENCE = 'orders';
const KID = 'k1';

/**
 * Makes an issuer with one key, `kid`: `jwks` (a key set object), `publicPem`, `token(subject, claims)` and `forged(token)`.
 * Tokens are valid for a day; `forged` changes the signature and nothing else.
 */
export async function createIssuer(kid = KID) {
  const { publicKey, privateKey } = await generateKeyPair('RS256', {
    modulusLength: 2048,
    extractable: true,
  });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  const iat = Math.floor(Date.now() / 1000) - 60;
  return {
    jwks: { keys: [jwk] },
    publicPem: await exportSPKI(publicKey),
    token: (subject = 'client-1', changes = {}) => {
      const claims = {
        scope: 'read:orders',
        iss: ISSUER,
        aud: AUDIENCE,
        sub: subject,
        iat,
        exp: iat + 86_400,
      };
      const header = { alg: 'RS256', kid };
      return new SignJWT({ ...claims, ...changes }).setProtectedHeader(header).sign(privateKey);
    },
    forged,
  };
}

function forged(token) {
  const at = token.lastIndexOf('.') + 10;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}
