// The options of a token service, and the settings that they become: everything that is wrong with them is told here.
import { parseDuration } from '../config/units.ts';
import { createLogger, type Logger } from '../observe/logger.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { OAuthClients } from './clients.ts';
import { cookieNamed, type RefreshCookie } from './cookie.ts';
import type { Grant } from './grants.ts';
import { isScope } from './scope.ts';
import type { DatedKey, PrivateKey, Signer } from './signer.ts';
import type { TokenStore } from './store.ts';

/** Claims of a token beside those that the service sets. */
export type ExtraClaims = Readonly<Record<string, unknown>>;

/** For whom an access token is made. */
export interface ClaimsRequest {
  readonly subject: string;
  readonly client: string;
  readonly scope: string;
  /** Id of the session; null for `client_credentials`. */
  readonly session: string | null;
}

/**
 * Tokens that are good no more, in the words of a deny-list: exactly one of `jti`, `session` and `subject`. Times are seconds
 * since 1970; `until` is when the last of them expires, `issuedBefore` is compared with `iat`.
 */
export type RevokedTokens =
  | { readonly jti: string; readonly until: number }
  | { readonly session: string; readonly until: number }
  | { readonly subject: string; readonly issuedBefore: number; readonly until: number };

/** What a token service is made of. Durations are such as `"90s"`, `"5m"` or `"30d"`. */
export interface TokenServiceOptions {
  /** `iss` of its tokens: a URL, `https` in production (RFC 9068 section 2.2). */
  readonly issuer: string;
  /** `aud` of its tokens: the services that take them. */
  readonly audience: string | readonly string[];
  /** Private RSA keys, of which the first signs, or a signer: `keySigner`, `vaultTransitSigner`, `functionSigner`. */
  readonly signer: Signer | PrivateKey | DatedKey | readonly (PrivateKey | DatedKey)[];
  /** `memoryStore()` for one process, `redisStore(url)` for a fleet. */
  readonly store: TokenStore;
  /** Life of an access token, 10 s to 1 day. Default `"5m"`. */
  readonly accessTokenTtl?: string;
  /** Life of a session, however much it is used, 1 minute to 366 days. Default `"30d"`. */
  readonly refreshTokenTtl?: string;
  /** A session ends that was not used for so long. Default: only at `refreshTokenTtl`. */
  readonly refreshIdleTtl?: string;
  /**
   * For so long a refresh token that was spent a moment ago gets the same successor again, as long as that was not used: for
   * clients that did not get the answer, or ask twice at once. Up to 60 s. Default `"0s"`: every reuse ends the session.
   */
  readonly reuseInterval?: string;
  /** For so long a new key is published before it signs, up to 30 days. Default `"10m"`. */
  readonly publishAhead?: string;
  /** Sessions of one subject, 1 to 1,000; a further one ends the one that was used longest ago. Default 20. */
  readonly maxSessions?: number;
  /** Clients, at hand or found by a function. Default none: everybody is the public client `defaultClient`. */
  readonly clients?: OAuthClients;
  /** `client_id` of requests and sessions that name none. With `clients` it may only refresh, unless it is one. Default `"default"`. */
  readonly defaultClient?: string;
  /**
   * Claims of each access token, asked at every issue and refresh, so that roles are up to date. Null: the subject may have
   * no token any more; its session ends.
   */
  readonly claims?: (request: ClaimsRequest) => ExtraClaims | null | Promise<ExtraClaims | null>;
  /** Further grant types of `POST /token`: `password`, or a URN of your own. None is there unless given. */
  readonly grants?: Readonly<Record<string, Grant>>;
  /** The routes give refresh tokens in a cookie `__Host-…` instead of the body. True: `__Host-refresh`. Default false. */
  readonly cookie?: boolean | string;
  /** Whether the address of a session's last use is kept. Default true. */
  readonly recordIp?: boolean;
  /** Told of tokens that are good no more, such as `(tokens) => gateway.deny({ issuer: 'main', ...tokens })`. */
  readonly onRevoked?: (tokens: RevokedTokens) => void | Promise<void>;
  /** Asked at introspection whether an access token, by its claims, was denied. */
  readonly isRevoked?: (claims: ExtraClaims) => boolean | Promise<boolean>;
  /** Told when `onRevoked` fails where the revocation holds all the same. Default: JSON lines on standard error. */
  readonly logger?: Logger;
  /** Counts `ferrogate_auth_events_total` there. Default: nothing is counted. */
  readonly registry?: MetricRegistry;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/** The options as the parts of the service want them: complete, checked, durations in milliseconds. */
export interface Settings {
  readonly issuer: string;
  readonly audience: string | readonly string[];
  readonly accessTokenMs: number;
  readonly refreshTokenMs: number;
  /** Infinity: none. */
  readonly idleMs: number;
  readonly reuseMs: number;
  readonly publishAheadMs: number;
  readonly maxSessions: number;
  readonly defaultClient: string;
  readonly claims: NonNullable<TokenServiceOptions['claims']>;
  readonly cookie: RefreshCookie | null;
  readonly recordIp: boolean;
  readonly onRevoked: ((tokens: RevokedTokens) => void | Promise<void>) | null;
  readonly isRevoked: (claims: ExtraClaims) => boolean | Promise<boolean>;
  readonly logger: Logger;
  readonly now: () => number;
}

/** @throws TypeError that names the option */
export function settingsOf(options: TokenServiceOptions): Settings {
  const { audience, cookie = false, maxSessions = 20, defaultClient = 'default', refreshIdleTtl } = options;
  if (!URL.canParse(options.issuer)) throw new TypeError('issuer: expected a URL');
  const audiences = typeof audience === 'string' ? [audience] : audience;
  if (audiences.length === 0 || audiences.includes(''))
    throw new TypeError('audience: expected one or more names');
  if (!Number.isInteger(maxSessions) || maxSessions < 1 || maxSessions > 1_000)
    throw new TypeError('maxSessions: expected an integer from 1 to 1000');
  return {
    issuer: options.issuer,
    audience,
    accessTokenMs: seconds('accessTokenTtl', options.accessTokenTtl ?? '5m', '10s', '1d'),
    refreshTokenMs: seconds('refreshTokenTtl', options.refreshTokenTtl ?? '30d', '1m', '366d'),
    idleMs: refreshIdleTtl === undefined ? Infinity : seconds('refreshIdleTtl', refreshIdleTtl, '1m', '366d'),
    reuseMs: duration('reuseInterval', options.reuseInterval ?? '0s', '0s', '60s'),
    publishAheadMs: duration('publishAhead', options.publishAhead ?? '10m', '0s', '30d'),
    maxSessions,
    defaultClient,
    claims: options.claims ?? (() => ({})),
    cookie: cookie === false ? null : cookieNamed(cookie === true ? '__Host-refresh' : cookie),
    recordIp: options.recordIp ?? true,
    onRevoked: options.onRevoked ?? null,
    isRevoked: options.isRevoked ?? (() => false),
    logger: options.logger ?? createLogger(),
    now: options.clock ?? Date.now,
  };
}

function duration(name: string, text: string, min: string, max: string): number {
  const value = parseDuration(text);
  if (value === undefined || value < (parseDuration(min) ?? 0) || value > (parseDuration(max) ?? 0))
    throw new TypeError(`${name}: expected a duration from "${min}" to "${max}"`);
  return value;
}

function seconds(name: string, text: string, min: string, max: string): number {
  const value = duration(name, text, min, max);
  if (value % 1000 !== 0) throw new TypeError(`${name}: expected whole seconds`);
  return value;
}

/** Claims that the service sets itself. */
const ownClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'sid'] as const;

/** @throws TypeError when `claims` names one of those that the service sets */
export function checkedClaims(claims: ExtraClaims): ExtraClaims {
  const taken = ownClaims.find((name) => Object.hasOwn(claims, name));
  if (taken !== undefined) throw new TypeError(`claims: "${taken}" is set by the service`);
  return claims;
}

/** @throws TypeError unless it is a list of scopes */
export function checkedScope(scope: string): string {
  if (!isScope(scope))
    throw new TypeError('scope: expected words with one space between (RFC 6749 section 3.3)');
  return scope;
}
