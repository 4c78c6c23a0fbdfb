// Access tokens of RFC 9068: made and signed, and checked again for introspection. It knows no session.
import { randomBytes } from 'node:crypto';
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { KeyRing } from './key-ring.ts';
import { checkedClaims, type ExtraClaims, type Settings } from './options.ts';

/** What an access token says. */
export interface AccessTokenRequest {
  readonly subject: string;
  readonly client: string;
  readonly scope: string;
  /** Id of the session, `sid`; null for none. */
  readonly session: string | null;
  readonly claims: ExtraClaims;
}

export interface AccessToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
}

/** Claims of an access token that this service has signed, and that has not expired. */
export interface CheckedClaims extends JWTPayload {
  readonly sub: string;
  readonly client_id: string;
  readonly jti: string;
  readonly exp: number;
}

/** Longest access token that is looked at, in bytes. */
const MAX_TOKEN_BYTES = 16_384;

export class AccessTokens {
  readonly #ring: KeyRing;
  readonly #settings: Settings;

  constructor(ring: KeyRing, settings: Settings) {
    this.#ring = ring;
    this.#settings = settings;
  }

  /** @throws GatewayError `ERR_FG_SIGNER_UNAVAILABLE`; TypeError for a claim that the service sets itself */
  async mint({ subject, client, scope, session, claims }: AccessTokenRequest): Promise<AccessToken> {
    const { issuer, audience, accessTokenMs, now } = this.#settings;
    const iat = Math.floor(now() / 1000);
    const payload = {
      ...checkedClaims(claims),
      iss: issuer,
      sub: subject,
      aud: audience,
      client_id: client,
      iat,
      exp: iat + accessTokenMs / 1000,
      jti: randomBytes(16).toString('base64url'),
      ...(scope === '' ? {} : { scope }),
      ...(session === null ? {} : { sid: session }),
    };
    const kid = await this.#ring.signing();
    const input = `${part({ alg: 'RS256', typ: 'at+jwt', kid })}.${part(payload)}`;
    const signature = await this.#ring.sign(Buffer.from(input), kid);
    return {
      token: `${input}.${Buffer.from(signature).toString('base64url')}`,
      expiresIn: accessTokenMs / 1000,
    };
  }

  /** The claims of `token`; null unless it is one of this service that has not expired. */
  async check(token: string): Promise<CheckedClaims | null> {
    if (token.length > MAX_TOKEN_BYTES) return null;
    const keys = createLocalJWKSet({ keys: [...(await this.#ring.published())] });
    const { issuer, audience, now } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ['RS256'],
        typ: 'at+jwt',
        issuer,
        audience: typeof audience === 'string' ? audience : [...audience],
        requiredClaims: ['sub', 'client_id', 'jti', 'exp'],
        currentDate: new Date(now()),
      });
      return payload as CheckedClaims;
    } catch {
      return null;
    }
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
