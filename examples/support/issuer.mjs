// A token issuer for the examples: a key made at start, its public half on loopback. Yours is Keycloak, Auth0 or the like.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { startServer } from './server.mjs';

/** A key pair: `jwk` is the public half, `token(claims)` signs a token that is good for an hour. */
export async function createSigner(kid) {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' },
    token: (claims) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
  };
}

/** `{url, jwksUrl, token(claims), close()}`; tokens are for the audience `orders`. */
export async function startIssuer() {
  const signer = await createSigner('k1');
  const server = await startServer(() => ({ keys: [signer.jwk] }));
  return {
    url: server.url,
    jwksUrl: `${server.url}/jwks.json`,
    token: (claims) => signer.token({ iss: server.url, aud: 'orders', ...claims }),
    close: () => server.close(),
  };
}
