// What a store of sessions does, whichever it is: types alone. Every operation is atomic, and a store never sees a token, only its hash.

/**
 * A session as its store keeps it: one login on one device, and one family of refresh tokens, of which the last one
 * is good. Times are milliseconds since 1970, by the clock of the service.
 */
export interface StoredSession {
  /** `subjectTag` of the subject, then 22 characters of its own. */
  readonly id: string;
  readonly subject: string;
  readonly client: string;
  /** Scopes as granted, joined by spaces; empty for none. */
  readonly scope: string;
  readonly device: string | null;
  /** Claims that the application gave this session, for each of its access tokens. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  /** The end of the session however much it is used. */
  readonly expiresAt: number;
  /** The end of the session unless it is used before; never after `expiresAt`. */
  readonly deadline: number;
  readonly lastUsedAt: number;
  /** Where it was last used from, if that is known. */
  readonly ip: string | null;
  /** Hash of the refresh token that is good. */
  readonly current: string;
}

/** One use of a refresh token. */
export interface Rotation {
  /** Id of the session. */
  readonly id: string;
  /** The client that asks; another one's session is left as it is. */
  readonly client: string;
  /** Hash of the token that was presented. */
  readonly presented: string;
  /** Hash of its successor. */
  readonly next: string;
  /** The successor, readable with the presented token alone; null where no token may be used again. */
  readonly sealed: string | null;
  readonly now: number;
  /** Milliseconds in which the last spent token may be used again, as long as its successor was not used. */
  readonly reuseMs: number;
  /** When the session ends unless it is used again; the store holds it to `expiresAt`. */
  readonly deadline: number;
  /** Null: not known, and the last one stays. */
  readonly ip: string | null;
}

/**
 * - `rotated`: the successor is good now, the presented token is spent. Also for the same rotation asked again.
 * - `again`: the presented token was the last one spent, a moment ago; `sealed` holds the successor that it got then.
 * - `reused`: a spent token: the session is gone.
 * - `foreign`: a session of another client; nothing changed.
 * - `unknown`: no such session, or it is over.
 */
export type RotationOutcome =
  | { readonly kind: 'rotated' | 'reused' | 'foreign' | 'unknown' }
  | { readonly kind: 'again'; readonly sealed: string };

/**
 * Where sessions are kept. An operation that cannot be done rejects with the GatewayError `ERR_FG_STORE_UNAVAILABLE`
 * and has either been done whole or not at all.
 */
export interface TokenStore {
  /**
   * Adds a session. Where its subject has `maxSessions` already, those that were used longest ago leave; their ids are
   * the result.
   */
  create(session: StoredSession, maxSessions: number, now: number): Promise<readonly string[]>;
  /** The session; null when there is none or it is over. */
  find(id: string, now: number): Promise<StoredSession | null>;
  rotate(rotation: Rotation): Promise<RotationOutcome>;
  /** Ends a session; false when there was none. */
  remove(id: string): Promise<boolean>;
  /** Ends the sessions of a subject, but for `except`; their ids. */
  removeAll(subject: string, except?: string): Promise<readonly string[]>;
  /** The sessions of a subject that are not over, the one used last first. */
  list(subject: string, now: number): Promise<readonly StoredSession[]>;
  /** Lets go of connections. */
  close(): Promise<void>;
}

/** Sessions in the order in which they are listed. */
export function byLastUse(one: StoredSession, other: StoredSession): number {
  return other.lastUsedAt - one.lastUsedAt || (one.id < other.id ? -1 : 1);
}
