// Refresh tokens: how they are made, read, hashed and sealed. It keeps nothing and decides nothing.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/**
 * A refresh token is `fgr_` and three random or derived parts in base64url: the tag of the subject (128 bit, where its
 * sessions are kept), the series (128 bit, the same in every token of a session) and the secret (256 bit, new at each
 * rotation). The session's id is derived from the series by a one-way function. So whoever presents the right series
 * with a spent secret has seen a token of this session, which is the sign of a theft; and whoever only knows the id of
 * a session, which access tokens show, can neither use nor end it.
 */
export interface RefreshToken {
  readonly text: string;
  /** Id of the session: its subject's tag, then what is derived from the series. */
  readonly session: string;
  /** SHA-256 of the text, base64url: what stores keep. */
  readonly hash: string;
}

const tokenPattern =
  /^fgr_([A-Za-z0-9_-]{21}[AQgw])([A-Za-z0-9_-]{21}[AQgw])([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;
const sessionPattern = /^[A-Za-z0-9_-]{21}[AQgw][A-Za-z0-9_-]{21}[AQgw]$/;
const tagLength = 22;
const secretLength = 43;
const seriesBytes = 16;
const secretBytes = 32;
const nonceBytes = 12;
const gcmTagBytes = 16;

/** Where the sessions of a subject are kept: 128 bit of its SHA-256. */
export function subjectTag(subject: string): string {
  return digest('ferrogate subject', subject).subarray(0, 16).toString('base64url');
}

/** The tag of the subject whose session this is. */
export function tagOf(session: string): string {
  return session.slice(0, tagLength);
}

export function isSessionId(text: string): boolean {
  return sessionPattern.test(text);
}

/** The first token of a new session of `subject`. */
export function firstToken(subject: string): RefreshToken {
  return made(subjectTag(subject), randomBytes(seriesBytes).toString('base64url'));
}

/** Another token of the same session. */
export function successorOf(token: RefreshToken): RefreshToken {
  return { ...read(headOf(token) + randomBytes(secretBytes).toString('base64url')), session: token.session };
}

/** The token that `text` is; null when it has not the form of one. */
export function parseRefreshToken(text: string): RefreshToken | null {
  return tokenPattern.test(text) ? read(text) : null;
}

/**
 * `successor` in a form that only the holder of `token` can read (AES-256-GCM under a key derived from its secret by
 * HKDF), so that a store which keeps it holds no token that could be used.
 */
export function seal(successor: RefreshToken, token: RefreshToken): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(token), nonce);
  const secret = Buffer.from(successor.text.slice(-secretLength), 'base64url');
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]).toString(
    'base64url',
  );
}

/** What `seal` sealed for `token`; null when it was not. */
export function unseal(sealed: string, token: RefreshToken): RefreshToken | null {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length !== nonceBytes + secretBytes + gcmTagBytes) return null;
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(token), bytes.subarray(0, nonceBytes));
  decipher.setAuthTag(bytes.subarray(-gcmTagBytes));
  try {
    const secret = Buffer.concat([
      decipher.update(bytes.subarray(nonceBytes, -gcmTagBytes)),
      decipher.final(),
    ]);
    return { ...read(headOf(token) + secret.toString('base64url')), session: token.session };
  } catch {
    return null;
  }
}

function made(tag: string, series: string): RefreshToken {
  return read(`fgr_${tag}${series}${randomBytes(secretBytes).toString('base64url')}`);
}

function read(text: string): RefreshToken {
  const tag = text.slice(4, 4 + tagLength);
  const series = text.slice(4 + tagLength, -secretLength);
  const own = digest('ferrogate session', tag + series)
    .subarray(0, 16)
    .toString('base64url');
  // A plain hash is right for a secret of 256 random bits: there is nothing to guess, so nothing to slow down.
  const hash = createHash('sha256').update(text).digest('base64url');
  return { text, session: tag + own, hash };
}

function headOf(token: RefreshToken): string {
  return token.text.slice(0, -secretLength);
}

function sealingKey(token: RefreshToken): Uint8Array {
  const secret = Buffer.from(token.text.slice(-secretLength), 'base64url');
  return new Uint8Array(hkdfSync('sha256', secret, token.session, 'ferrogate refresh successor', 32));
}

function digest(domain: string, text: string): Buffer {
  return createHash('sha256').update(`${domain}\0${text}`).digest();
}
