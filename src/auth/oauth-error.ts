// Refusals in the words of OAuth 2.0: one class, and which status each word has. Nothing a client sent stands in them.
import { GatewayError } from '../errors.ts';

const statuses = {
  // RFC 6749 section 5.2
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  // RFC 7009 section 2.2.1
  unsupported_token_type: 400,
} as const satisfies Record<string, number>;

/** What RFC 6749 section 5.2 and RFC 7009 section 2.2.1 call a refusal. */
export type OAuthErrorName = keyof typeof statuses;

/** A token that is not given. `code` is `ERR_FG_TOKEN_REFUSED`; `error` says which refusal it is. */
export class OAuthError extends GatewayError {
  readonly error: OAuthErrorName;
  override readonly status: number;

  constructor(error: OAuthErrorName, description: string) {
    super('ERR_FG_TOKEN_REFUSED', description);
    this.error = error;
    this.status = statuses[error];
  }
}

/** One answer for everything that a refresh token can be but good: it does not tell which. */
export function invalidGrant(): OAuthError {
  return new OAuthError('invalid_grant', 'the grant is invalid, expired, spent or revoked');
}
