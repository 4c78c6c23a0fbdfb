// The life of sessions: issue, refresh, list, logout. Tokens are signed before the store is changed, so that a failure costs nobody a session.
import type { AccessToken, AccessTokens } from './access-token.ts';
import { isClientId } from './clients.ts';
import type { CountEvent } from './events.ts';
import type { IssueRequest, TokenResponse } from './grants.ts';
import { invalidGrant } from './oauth-error.ts';
import { checkedClaims, checkedScope, type RevokedTokens, type Settings } from './options.ts';
import {
  firstToken,
  isSessionId,
  parseRefreshToken,
  type RefreshToken,
  seal,
  successorOf,
  unseal,
} from './refresh-token.ts';
import { narrowed } from './scope.ts';
import type { RotationOutcome, StoredSession, TokenStore } from './store.ts';

/** A use of a refresh token. */
export interface RefreshRequest {
  readonly refreshToken: string;
  /** Id of the client, which has proved who it is if it can. Default `defaultClient`. */
  readonly client?: string;
  /** Fewer scopes than were granted, for this access token alone. */
  readonly scope?: string;
  /** Address of the client, for the list of sessions. */
  readonly ip?: string;
}

/** A session as its subject may see it. Times are milliseconds since 1970. */
export type Session = Omit<StoredSession, 'claims' | 'current' | 'deadline' | 'expiresAt'> & {
  /** When it ends unless it is used before. */
  readonly expiresAt: number;
};

const MAX_CLAIMS_BYTES = 4_096;
const MAX_NAME_LENGTH = 256;

export class Sessions {
  readonly #settings: Settings;
  readonly #store: TokenStore;
  readonly #tokens: AccessTokens;
  readonly #count: CountEvent;

  constructor(settings: Settings, store: TokenStore, tokens: AccessTokens, count: CountEvent) {
    this.#settings = settings;
    this.#store = store;
    this.#tokens = tokens;
    this.#count = count;
  }

  async issue(request: IssueRequest): Promise<TokenResponse> {
    const { maxSessions, now, refreshTokenMs, idleMs, defaultClient } = this.#settings;
    const { subject, client = defaultClient, scope, claims, device, ip } = checkedRequest(request);
    const token = firstToken(subject);
    const createdAt = now();
    const expiresAt = createdAt + refreshTokenMs;
    const session: StoredSession = {
      id: token.session,
      subject,
      client,
      scope: scope ?? '',
      device: device ?? null,
      claims: claims ?? {},
      createdAt,
      expiresAt,
      deadline: Math.min(expiresAt, createdAt + idleMs),
      lastUsedAt: createdAt,
      ip: ip ?? null,
      current: token.hash,
    };
    const access = await this.#access(session, session.scope);
    if (access === null) throw invalidGrant();
    const left = await this.#store.create(session, maxSessions, createdAt);
    this.#count('issued');
    this.#count('evicted', left.length);
    await this.#tell(left.map((id) => this.#revokedSession(id)));
    return response(access, session.scope, token);
  }

  /** @throws OAuthError `invalid_grant`, `invalid_scope` */
  async refresh(request: RefreshRequest): Promise<TokenResponse> {
    const { now, reuseMs, defaultClient } = this.#settings;
    const { refreshToken, client = defaultClient, ip = null } = request;
    if (ip !== null && !isName(ip)) throw new TypeError(nameRule('refresh: ip'));
    const token = parseRefreshToken(refreshToken);
    const session = token && (await this.#store.find(token.session, now()));
    if (token === null || session === null || session.client !== client) throw invalidGrant();
    const scope = narrowed(session.scope, request.scope);
    // Signed before the token is spent. One that is spent already is left to the store to judge.
    const early =
      session.current === token.hash || reuseMs > 0 ? await this.#accessOrEnd(session, scope) : null;
    const next = successorOf(token);
    const outcome = await this.#rotate(token, next, session, ip);
    const successor = outcome.kind === 'again' ? unseal(outcome.sealed, token) : next;
    if ((outcome.kind !== 'rotated' && outcome.kind !== 'again') || successor === null) {
      if (outcome.kind === 'reused') await this.#reused(session);
      throw invalidGrant();
    }
    this.#count(outcome.kind === 'again' ? 'repeated' : 'refreshed');
    return response(early ?? (await this.#accessOrEnd(session, scope)), scope, successor);
  }

  async list(subject: string): Promise<Session[]> {
    const found = await this.#store.list(subject, this.#settings.now());
    return found.map(({ claims, current, deadline, ...shown }) => ({ ...shown, expiresAt: deadline }));
  }

  /** The session of a refresh token, spent or not, with whether the token is good. */
  async ofToken(text: string): Promise<{ session: StoredSession; isGood: boolean } | null> {
    const token = parseRefreshToken(text);
    const session = token && (await this.#store.find(token.session, this.#settings.now()));
    return token === null || session === null ? null : { session, isGood: session.current === token.hash };
  }

  async find(id: string): Promise<StoredSession | null> {
    return isSessionId(id) ? this.#store.find(id, this.#settings.now()) : null;
  }

  /** First the deny-list: where it fails nothing was done, and the caller asks again. */
  async logout(id: string, subject?: string): Promise<boolean> {
    const session = await this.find(id);
    // What is not there is not denied: ids come from clients, and a deny-list is bounded.
    if (session === null || (subject !== undefined && session.subject !== subject)) return false;
    await this.#settings.onRevoked?.(this.#revokedSession(id));
    const hasEnded = await this.#store.remove(id);
    if (hasEnded) this.#count('ended');
    return hasEnded;
  }

  async logoutAll(subject: string, except?: string): Promise<number> {
    const { onRevoked, now } = this.#settings;
    const others = (await this.#store.list(subject, now())).filter(({ id }) => id !== except);
    for (const { id } of others) await onRevoked?.(this.#revokedSession(id));
    // Tokens of sessions that ended before; those of this second are of the sessions named above, or of a new login.
    const issuedBefore = Math.floor(now() / 1000);
    if (except === undefined) await onRevoked?.({ subject, issuedBefore, until: this.#lastExpiry() });
    const ended = await this.#store.removeAll(subject, except);
    // Sessions that began meanwhile.
    const late = ended.filter((id) => !others.some((other) => other.id === id));
    await this.#tell(late.map((id) => this.#revokedSession(id)));
    this.#count('ended', ended.length);
    return ended.length;
  }

  #rotate(
    token: RefreshToken,
    next: RefreshToken,
    session: StoredSession,
    ip: string | null,
  ): Promise<RotationOutcome> {
    const { now, reuseMs, idleMs } = this.#settings;
    const at = now();
    return this.#store.rotate({
      id: token.session,
      client: session.client,
      presented: token.hash,
      next: next.hash,
      sealed: reuseMs > 0 ? seal(next, token) : null,
      now: at,
      reuseMs,
      deadline: Math.min(session.expiresAt, at + idleMs),
      ip,
    });
  }

  /** An access token of `session`; null where the application gives its subject none any more. */
  async #access(session: StoredSession, scope: string): Promise<AccessToken | null> {
    const { subject, client, id } = session;
    const claims = await this.#settings.claims({ subject, client, scope, session: id });
    if (claims === null) return null;
    return this.#tokens.mint({
      subject,
      client,
      scope,
      session: id,
      claims: { ...session.claims, ...claims },
    });
  }

  async #accessOrEnd(session: StoredSession, scope: string): Promise<AccessToken> {
    const access = await this.#access(session, scope);
    if (access !== null) return access;
    await this.logout(session.id);
    throw invalidGrant();
  }

  async #reused(session: StoredSession): Promise<void> {
    this.#count('reused');
    await this.#tell([this.#revokedSession(session.id)]);
  }

  /** Tells of sessions that have ended whatever comes of it. */
  async #tell(revoked: readonly RevokedTokens[]): Promise<void> {
    const { onRevoked, logger } = this.#settings;
    for (const tokens of revoked) {
      try {
        await onRevoked?.(tokens);
      } catch (error) {
        const err = error instanceof Error ? error : new Error('onRevoked failed');
        logger.error({ err }, 'tokens of an ended session could not be denied; they end at their expiry');
      }
    }
  }

  #revokedSession(session: string): RevokedTokens {
    return { session, until: this.#lastExpiry() };
  }

  /** When an access token that is made now would expire. */
  #lastExpiry(): number {
    const { now, accessTokenMs } = this.#settings;
    return Math.ceil((now() + accessTokenMs) / 1000);
  }
}

function response(access: AccessToken, scope: string, token: RefreshToken): TokenResponse {
  return {
    access_token: access.token,
    token_type: 'Bearer',
    expires_in: access.expiresIn,
    refresh_token: token.text,
    ...(scope === '' ? {} : { scope }),
    session_id: token.session,
  };
}

function checkedRequest(request: IssueRequest): IssueRequest {
  const { subject, scope = '', claims = {}, device = '', ip = '', client = '-' } = request;
  if (subject === '') throw new TypeError('issue: a subject is not empty');
  for (const [name, text] of Object.entries({ subject, device, ip }))
    if (!isName(text)) throw new TypeError(nameRule(`issue: ${name}`));
  if (!isClientId(client)) throw new TypeError('issue: a client id has 1 to 256 printable ASCII characters');
  checkedScope(scope);
  if (JSON.stringify(checkedClaims(claims)).length > MAX_CLAIMS_BYTES)
    throw new TypeError(`issue: claims are at most ${MAX_CLAIMS_BYTES} bytes of JSON`);
  return request;
}

/** Half of a surrogate pair would be kept as another text than the one that was given. */
function isName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && !/\p{Surrogate}/u.test(text);
}

function nameRule(name: string): string {
  return `${name}: expected at most ${MAX_NAME_LENGTH} characters of well-formed text`;
}
