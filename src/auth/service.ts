// The token service: its options, its parts put together, and what an application calls.

import type { Routes, VerbPolicies } from '../handler/registrar.ts';
import type { HandlerContext, HandlerResult } from '../handler/types.ts';
import { AccessTokens } from './access-token.ts';
import { Clients } from './clients.ts';
import { endpoints, type Parts, tokenAnswer } from './endpoints.ts';
import { eventCounter } from './events.ts';
import type { IssueRequest, TokenResponse } from './grants.ts';
import { type IssuerKey, KeyRing, type PublishedKey } from './key-ring.ts';
import { settingsOf, type TokenServiceOptions } from './options.ts';
import { type RefreshRequest, type Session, Sessions } from './sessions.ts';
import { keySigner, type Signer } from './signer.ts';

/** Issues tokens, refreshes and revokes them, and publishes the keys to verify them with. */
export interface TokenService {
  /**
   * Begins a session: for the application's own login handler, after it knows who asks.
   * @throws GatewayError `ERR_FG_STORE_UNAVAILABLE`, `ERR_FG_SIGNER_UNAVAILABLE`: nothing was issued; OAuthError `invalid_grant` where
   * `claims` gives the subject none; TypeError for a request that is wrong
   */
  issue(request: IssueRequest): Promise<TokenResponse>;
  /**
   * Spends a refresh token for new tokens. A spent one ends its session.
   * @throws OAuthError `invalid_grant`, `invalid_scope`; GatewayError as of `issue`: the token is as it was, unless the answer of the
   * store alone was lost
   */
  refresh(request: RefreshRequest): Promise<TokenResponse>;
  /** The sessions of a subject, the one used last first. */
  sessions(subject: string): Promise<readonly Session[]>;
  /**
   * Ends a session; false when there was none. With `subject`, only one of that subject: for an id that came from a client.
   * Access tokens live on to their end unless `onRevoked` denies them.
   */
  logout(sessionId: string, of?: { subject?: string }): Promise<boolean>;
  /** Ends every session of a subject, but for the one of `except`; how many. */
  logoutAll(subject: string, but?: { except?: string }): Promise<number>;
  /**
   * Makes a new key. It is published at once and signs after `publishAhead`; the one before is published until the last of its
   * tokens has expired.
   * @throws GatewayError `ERR_FG_SIGNER_UNAVAILABLE`; TypeError where the signer makes no keys
   */
  rotateKey(): Promise<readonly IssuerKey[]>;
  /** The keys that are published now, and what each does until when. */
  keys(): Promise<readonly IssuerKey[]>;
  /** The JWK set (RFC 7517 section 5) of now. */
  jwks(): Promise<{ readonly keys: readonly PublishedKey[] }>;
  /**
   * Registers `POST /token`, `/refresh`, `/revoke`, `/introspect` and `GET /jwks.json` below `prefix`, with `policies` such as
   * `{ limits: ['login'] }` on the four. Bodies are at most 16 KiB unless `policies` say otherwise.
   */
  register(gateway: Routes, prefix?: string, policies?: VerbPolicies): void;
  /** What a handler of the application returns for tokens that it issued: as the routes answer, with the cookie if there is one. */
  answer(context: HandlerContext, tokens: TokenResponse): HandlerResult;
  /** Lets go of the store's connections. */
  close(): Promise<void>;
}

/** Verifiers may let a token live on for so long after its end. */
const KEEP_KEYS_MS = 300_000;
const MAX_BODY = '16kb';

/**
 * Makes a token service. Nothing is asked of store and signer before it is used.
 * @throws TypeError that names the option which is wrong
 */
export function createTokenService(options: TokenServiceOptions): TokenService {
  const settings = settingsOf(options);
  const { publishAheadMs, accessTokenMs, now } = settings;
  const policy = { publishAheadMs, keepMs: accessTokenMs + KEEP_KEYS_MS };
  const ring = new KeyRing(signerOf(options.signer), policy, now);
  const tokens = new AccessTokens(ring, settings);
  const count = eventCounter(options.registry);
  const sessions = new Sessions(settings, options.store, tokens, count);
  const clients = new Clients(options.clients, settings.defaultClient);
  const grants = new Map(Object.entries(options.grants ?? {}));
  for (const name of ['refresh_token', 'client_credentials'])
    if (grants.has(name)) throw new TypeError(`grants: "${name}" is the service's own`);
  const parts: Parts = { settings, clients, grants, sessions, tokens, ring, count };
  return {
    issue: (request) => sessions.issue(request),
    refresh: (request) => sessions.refresh(request),
    sessions: (subject) => sessions.list(subject),
    logout: (id, { subject } = {}) => sessions.logout(id, subject),
    logoutAll: (subject, { except } = {}) => sessions.logoutAll(subject, except),
    rotateKey: async () => {
      await ring.rotate();
      return ring.states();
    },
    keys: () => ring.states(),
    jwks: async () => ({ keys: await ring.published() }),
    register: (gateway, prefix = '', policies = {}) => register(parts, gateway, prefix, policies),
    answer: (context, issued) => tokenAnswer(settings, context, issued),
    close: () => options.store.close(),
  };
}

function register(parts: Parts, gateway: Routes, prefix: string, policies: VerbPolicies): void {
  if (prefix !== '' && !/^\/.*[^/]$/.test(prefix))
    throw new TypeError('register: expected a prefix such as "/oauth"');
  const { token, refresh, revoke, introspect, keys } = endpoints(parts);
  const posted: VerbPolicies = { maxBodyBytes: MAX_BODY, jwt: false, ...policies };
  const at = (name: string): string => `${prefix}${name}`;
  gateway.post<string>(at('/token'), posted, token);
  gateway.post<string>(at('/refresh'), posted, refresh);
  gateway.post<string>(at('/revoke'), posted, revoke);
  gateway.post<string>(at('/introspect'), posted, introspect);
  gateway.get<string>(at('/jwks.json'), { jwt: false }, keys);
}

function signerOf(signer: TokenServiceOptions['signer']): Signer {
  const isSigner = typeof signer === 'object' && 'sign' in signer && typeof signer.sign === 'function';
  return isSigner ? (signer as Signer) : keySigner(signer as Parameters<typeof keySigner>[0]);
}
