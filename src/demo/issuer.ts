// The token issuer of the demo: a key made at start, its public half on loopback, and tokens; the key is never stored.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { serveLoopback } from './serve.ts';

export const demoAudience = 'demo';

export interface DemoIssuer {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  readonly jwksUrl: string;
  /** A token for `subject` with `scopes`, valid for twelve hours. */
  token(subject: string, scopes: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<DemoIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const kid = 'demo';
  const keys = [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }];
  const server = await serveLoopback((_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/jwk-set+json' });
    response.end(JSON.stringify({ keys }));
  });
  return {
    issuer: server.url,
    jwksUrl: `${server.url}/jwks.json`,
    token: (subject, scopes) =>
      new SignJWT({ scope: scopes.join(' ') })
        .setProtectedHeader({ alg: 'RS256', kid })
        .setIssuer(server.url)
        .setAudience(demoAudience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime('12h')
        .sign(privateKey),
    close: () => server.close(),
  };
}
