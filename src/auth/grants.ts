// What a grant of the application is: the types of its function and of what it may answer. No code that runs.
import type { ExtraClaims } from './options.ts';

/** Who gets a session. */
export interface IssueRequest {
  /** `sub`: who logged in, 1 to 256 characters. */
  readonly subject: string;
  /** Scopes, joined by spaces. Default none. */
  readonly scope?: string;
  /** Further claims of every access token of this session, 4 KiB of JSON at most. */
  readonly claims?: ExtraClaims;
  /** How people recognise the session in their list, at most 256 characters. */
  readonly device?: string;
  /** Address of the client, for the same list. */
  readonly ip?: string;
  /** Id of the client. Default `defaultClient`. */
  readonly client?: string;
}

/** What a grant of the application is asked. */
export interface GrantRequest {
  /** Parameters of the request but those of the client, each at most once. */
  readonly params: ReadonlyMap<string, string>;
  /** The client that asks, and whether it proved who it is. */
  readonly client: { readonly id: string; readonly isAuthenticated: boolean };
  readonly ip: string;
}

/** A grant type of the application: says who gets a session, or null, which is answered `invalid_grant`. */
export type Grant = (
  request: GrantRequest,
) => Omit<IssueRequest, 'client' | 'ip'> | null | Promise<Omit<IssueRequest, 'client' | 'ip'> | null>;

/** A successful answer of the token endpoint (RFC 6749 section 5.1). */
export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  /** Seconds until the access token expires. */
  readonly expires_in: number;
  /** Absent for `client_credentials`. */
  readonly refresh_token?: string;
  readonly scope?: string;
  /** Absent for `client_credentials`. */
  readonly session_id?: string;
}
