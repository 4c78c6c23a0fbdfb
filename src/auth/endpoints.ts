// The endpoints of the token service as handlers: token, refresh, revoke, introspect and key set. They read requests and write answers.
import type { HandlerContext, HandlerResult } from '../handler/types.ts';
import type { AccessTokens, CheckedClaims } from './access-token.ts';
import { type Clients, checkGrant, type KnownClient } from './clients.ts';
import type { CountEvent } from './events.ts';
import type { Grant, TokenResponse } from './grants.ts';
import type { KeyRing } from './key-ring.ts';
import { invalidGrant, OAuthError } from './oauth-error.ts';
import type { Settings } from './options.ts';
import { type Params, readParams, requestError, required } from './params.ts';
import { narrowed } from './scope.ts';
import type { Sessions } from './sessions.ts';

/** What the endpoints answer by. */
export interface Parts {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly grants: ReadonlyMap<string, Grant>;
  readonly sessions: Sessions;
  readonly tokens: AccessTokens;
  readonly ring: KeyRing;
  readonly count: CountEvent;
}

/** A request whose body and client are known. */
interface Asked {
  readonly context: HandlerContext;
  readonly params: Params;
  readonly client: KnownClient;
  readonly ip: string;
}

type Endpoint = (context: HandlerContext) => Promise<HandlerResult>;

/** The handlers, each for one route. */
export function endpoints(
  parts: Parts,
): Record<'token' | 'refresh' | 'revoke' | 'introspect' | 'keys', Endpoint> {
  const guarded =
    (takesJson: boolean, answer: (asked: Asked) => Promise<HandlerResult>): Endpoint =>
    async (context) => {
      context.header('cache-control', 'no-store').header('pragma', 'no-cache');
      try {
        return await answer(await ask(parts, context, takesJson));
      } catch (error) {
        return refusal(parts, context, error);
      }
    };
  return {
    token: guarded(false, (asked) => token(parts, asked)),
    refresh: guarded(true, (asked) => refresh(parts, asked)),
    revoke: guarded(false, (asked) => revoke(parts, asked)),
    introspect: guarded(false, (asked) => introspect(parts, asked)),
    keys: (context) => keys(parts, context),
  };
}

/** Writes tokens as the routes do: with `cookie` the refresh token goes there and nowhere else. */
export function tokenAnswer(
  settings: Settings,
  context: HandlerContext,
  tokens: TokenResponse,
): HandlerResult {
  const { cookie, refreshTokenMs, idleMs } = settings;
  context.header('cache-control', 'no-store').header('pragma', 'no-cache');
  const { refresh_token: refreshToken, ...rest } = tokens;
  if (cookie === null || refreshToken === undefined) return tokens;
  context.header('set-cookie', cookie.set(refreshToken, Math.ceil(Math.min(refreshTokenMs, idleMs) / 1000)));
  return rest;
}

async function ask({ clients }: Parts, context: HandlerContext, takesJson: boolean): Promise<Asked> {
  const { ip } = context;
  const authorization = context.headers.get('authorization');
  const all = await readParams(context, takesJson);
  const client = await clients.recognise({
    authorization,
    id: all.get('client_id'),
    secret: all.get('client_secret'),
  });
  const params = new Map([...all].filter(([name]) => name !== 'client_id' && name !== 'client_secret'));
  return { context, params, client, ip };
}

function refusal({ count }: Parts, context: HandlerContext, thrown: unknown): HandlerResult {
  const refused = requestError(thrown);
  if (refused === null) throw thrown;
  const { error, status, description } = refused;
  count(status === 503 ? 'unavailable' : 'refused');
  context.status(status);
  if (status === 503) context.header('retry-after', '1');
  if (status === 401) context.header('www-authenticate', 'Basic realm="token", charset="UTF-8"');
  return { error, error_description: description };
}

async function token(parts: Parts, asked: Asked): Promise<HandlerResult> {
  const type = required(asked.params, 'grant_type');
  const grant = parts.grants.get(type);
  if (type !== 'refresh_token' && type !== 'client_credentials' && grant === undefined)
    throw new OAuthError('unsupported_grant_type', 'the grant type is none of this server');
  checkGrant(asked.client, type);
  if (type === 'refresh_token') return refreshed(parts, asked);
  if (grant === undefined) return clientToken(parts, asked);
  const { id, isAuthenticated } = asked.client;
  const request = { params: asked.params, client: { id, isAuthenticated }, ip: asked.ip };
  const granted = await grant(request);
  if (granted === null) throw invalidGrant();
  const ip = parts.settings.recordIp ? { ip: asked.ip } : {};
  return tokenAnswer(
    parts.settings,
    asked.context,
    await parts.sessions.issue({ ...granted, client: id, ...ip }),
  );
}

async function refresh(parts: Parts, asked: Asked): Promise<HandlerResult> {
  const type = asked.params.get('grant_type') ?? 'refresh_token';
  if (type !== 'refresh_token')
    throw new OAuthError('unsupported_grant_type', 'only a refresh token is taken here');
  checkGrant(asked.client, type);
  return refreshed(parts, asked);
}

async function refreshed(parts: Parts, asked: Asked): Promise<HandlerResult> {
  const refreshToken = presented(parts, asked, 'refresh_token');
  const scope = asked.params.get('scope');
  try {
    const tokens = await parts.sessions.refresh({
      refreshToken,
      client: asked.client.id,
      ...(parts.settings.recordIp ? { ip: asked.ip } : {}),
      ...(scope === undefined ? {} : { scope }),
    });
    return tokenAnswer(parts.settings, asked.context, tokens);
  } catch (error) {
    if (error instanceof OAuthError && error.error === 'invalid_grant') clearCookie(parts, asked);
    throw error;
  }
}

/** The parameter `name`, or the refresh token of the cookie. */
function presented({ settings }: Parts, { params, context }: Asked, name: string): string {
  const cookie = params.has(name) ? null : settings.cookie?.read(context.headers.get('cookie'));
  if (!cookie) return required(params, name);
  // Browsers old enough to ignore SameSite do not send this; those that send it tell the truth.
  if (context.headers.get('sec-fetch-site') === 'cross-site')
    throw new OAuthError('invalid_request', 'another site may not use the cookie');
  return cookie;
}

async function clientToken(parts: Parts, { client, params }: Asked): Promise<HandlerResult> {
  const { settings, tokens, count } = parts;
  const scope = narrowed(client.scope, params.get('scope'));
  // RFC 9068 section 2.2: where no person is involved, the subject is the client.
  const request = { subject: client.id, client: client.id, scope, session: null };
  const claims = await settings.claims(request);
  if (claims === null) throw invalidGrant();
  const access = await tokens.mint({ ...request, claims });
  count('client');
  const answer: TokenResponse = {
    access_token: access.token,
    token_type: 'Bearer',
    expires_in: access.expiresIn,
    ...(scope === '' ? {} : { scope }),
  };
  return answer;
}

/** RFC 7009. A refresh token ends its session, spent or not; what is unknown is as good as revoked. */
async function revoke(parts: Parts, asked: Asked): Promise<HandlerResult> {
  const { sessions, tokens, settings, count } = parts;
  const text = presented(parts, asked, 'token');
  const found = await sessions.ofToken(text);
  const claims = found === null ? await tokens.check(text) : null;
  const owner = found?.session.client ?? claims?.client_id;
  if (owner !== undefined && owner !== asked.client.id)
    throw new OAuthError('invalid_grant', 'the token was issued to another client');
  if (found !== null) await sessions.logout(found.session.id);
  else if (claims !== null) {
    if (settings.onRevoked === null)
      throw new OAuthError('unsupported_token_type', 'access tokens cannot be revoked here');
    await settings.onRevoked({ jti: claims.jti, until: claims.exp });
    count('ended');
  }
  clearCookie(parts, asked);
  asked.context.status(200);
  return '';
}

function clearCookie({ settings }: Parts, { context, params }: Asked): void {
  const usesCookie = !params.has('token') && !params.has('refresh_token');
  if (settings.cookie !== null && usesCookie) context.header('set-cookie', settings.cookie.clear());
}

/** RFC 7662. Whoever asks has proved who it is; what it may not know of, and what is not good, is not active. */
async function introspect(parts: Parts, { params, client }: Asked): Promise<HandlerResult> {
  if (!client.isAuthenticated)
    throw new OAuthError('invalid_client', 'introspection needs an authenticated client');
  const text = required(params, 'token');
  const answer = (await refreshTokenFacts(parts, text)) ?? (await accessTokenFacts(parts, text));
  const mayKnow = answer !== null && (client.introspect || answer['client_id'] === client.id);
  // Last: a claim of the application may have the same name.
  return mayKnow ? { ...answer, active: true } : { active: false };
}

async function refreshTokenFacts(
  { sessions, settings }: Parts,
  text: string,
): Promise<Record<string, unknown> | null> {
  const found = await sessions.ofToken(text);
  if (found === null || !found.isGood) return null;
  const { id, subject, client, scope, deadline, createdAt } = found.session;
  return {
    iss: settings.issuer,
    sub: subject,
    client_id: client,
    exp: Math.floor(deadline / 1000),
    iat: Math.floor(createdAt / 1000),
    sid: id,
    ...(scope === '' ? {} : { scope }),
  };
}

async function accessTokenFacts(parts: Parts, text: string): Promise<CheckedClaims | null> {
  const claims = await parts.tokens.check(text);
  if (claims === null) return null;
  const { sid } = claims;
  const hasEnded = typeof sid === 'string' && (await parts.sessions.find(sid)) === null;
  if (hasEnded || (await parts.settings.isRevoked(claims))) return null;
  return { ...claims, token_type: 'Bearer' };
}

async function keys({ ring, settings, count }: Parts, context: HandlerContext): Promise<HandlerResult> {
  try {
    const published = await ring.published();
    // Whoever has the set renews it before a key signs that is not in it.
    const fresh = Math.min(3_600, Math.floor(settings.publishAheadMs / 2_000));
    context
      .header('content-type', 'application/jwk-set+json')
      .header('cache-control', fresh > 0 ? `public, max-age=${fresh}` : 'no-cache');
    return { keys: published };
  } catch (error) {
    context.header('cache-control', 'no-store');
    const refused = requestError(error);
    if (refused === null) throw error;
    count('unavailable');
    context.status(refused.status).header('retry-after', '1');
    return { error: refused.error };
  }
}
