// Who asks: clients of the token service, by a secret that is kept as its hash, and what each may do. It issues nothing.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { OAuthError } from './oauth-error.ts';

/** A client of the token service (RFC 6749 section 2). */
export interface OAuthClient {
  /** 1 to 256 printable ASCII characters. */
  readonly id: string;
  /**
   * Hashes of its secrets (`createClientSecret`, `hashClientSecret`); each is good, so that a secret can be replaced without
   * a break. At most 8. Without any it is a public client: an application in a browser or on a phone, known by its `id` alone.
   */
  readonly secrets?: readonly string[];
  /** Grant types that it may use. Default `['refresh_token']`. */
  readonly grants?: readonly string[];
  /** Scopes that it may have by `client_credentials`, joined by spaces. Default none. */
  readonly scope?: string;
  /** Whether it may introspect the tokens of other clients, as a resource server does. Default false: its own only. */
  readonly introspect?: boolean;
}

/** Clients at hand, or a function that finds one. */
export type OAuthClients =
  | readonly OAuthClient[]
  | ((id: string) => OAuthClient | null | undefined | Promise<OAuthClient | null | undefined>);

/** What a request says of its client. */
export interface ClientCredentials {
  readonly authorization: string | null;
  readonly id: string | undefined;
  readonly secret: string | undefined;
}

/** A client that a request has been recognised to come from. */
export interface KnownClient {
  readonly id: string;
  /** Whether it proved who it is. */
  readonly isAuthenticated: boolean;
  /** Null: every grant but `client_credentials`. */
  readonly grants: readonly string[] | null;
  readonly scope: string;
  readonly introspect: boolean;
}

const hashPattern = /^sha256:([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;
const idPattern = /^[\x20-\x7e]{1,256}$/;
const basicPattern = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;
const MAX_SECRETS = 8;
/** Below this a secret may be one that was thought up, for which a plain hash is no protection. */
const MIN_SECRET_LENGTH = 32;

/** A new secret of 256 random bits, to be shown once, and the hash to keep. */
export function createClientSecret(): { readonly secret: string; readonly hash: string } {
  const secret = `fgs_${randomBytes(32).toString('base64url')}`;
  return { secret, hash: hashClientSecret(secret) };
}

/**
 * The hash of a secret, as `OAuthClient.secrets` wants it. SHA-256 without salt or stretching is right for secrets that are
 * random, as those of `createClientSecret`; passwords of people must not be used.
 * @throws TypeError for less than 32 characters
 */
export function hashClientSecret(secret: string): string {
  if (secret.length < MIN_SECRET_LENGTH)
    throw new TypeError(`hashClientSecret: a secret has at least ${MIN_SECRET_LENGTH} random characters`);
  return `sha256:${digest(secret).toString('base64url')}`;
}

/** Recognises clients. */
export class Clients {
  readonly #find: (id: string) => OAuthClient | null | undefined | Promise<OAuthClient | null | undefined>;
  /** Who asks without saying so. */
  readonly #default: string;
  /** Null: all but `client_credentials`. Where there are clients with rights of their own, nobody has more by saying nothing. */
  readonly #defaultGrants: readonly string[] | null;

  /** @throws TypeError for a client that is wrong, or two of one id */
  constructor(clients: OAuthClients | undefined, defaultClient: string) {
    this.#default = defaultClient;
    this.#defaultGrants = clients === undefined ? null : ['refresh_token'];
    if (!isClientId(defaultClient))
      throw new TypeError('defaultClient: expected 1 to 256 printable characters');
    if (typeof clients === 'function') {
      this.#find = async (id) => checked(await clients(id));
      return;
    }
    const known = clients ?? [];
    const byId = new Map(known.map((client) => [client.id, checked(client)]));
    if (byId.size !== known.length) throw new TypeError('clients: two have one id');
    this.#find = (id) => byId.get(id);
  }

  /**
   * The client that sent `credentials` (RFC 6749 section 2.3.1: HTTP Basic or parameters, never both).
   * @throws OAuthError `invalid_client`, `invalid_request`
   */
  async recognise(credentials: ClientCredentials): Promise<KnownClient> {
    const { id, secret } = named(credentials);
    const client = isClientId(id ?? this.#default) ? await this.#find(id ?? this.#default) : undefined;
    const secrets = client?.secrets ?? [];
    if (secret === undefined) {
      if (client && secrets.length === 0) return known(client, false);
      if (client || (id ?? this.#default) !== this.#default) throw refused();
      return { ...nobody, id: this.#default, grants: this.#defaultGrants };
    }
    // Compared for an unknown client too: what is not there must not be faster.
    const isRight = matches(secret, secrets.length > 0 ? secrets : [unmatched]);
    if (!client || !isRight) throw refused();
    return known(client, true);
  }
}

/** @throws OAuthError `unauthorized_client` unless the client may use the grant type */
export function checkGrant(client: KnownClient, grant: string): void {
  const may = client.grants?.includes(grant) ?? grant !== 'client_credentials';
  if (!may || (grant === 'client_credentials' && !client.isAuthenticated))
    throw new OAuthError('unauthorized_client', 'the client may not use this grant type');
}

export function isClientId(id: string): boolean {
  return idPattern.test(id);
}

const nobody = { isAuthenticated: false, scope: '', introspect: false };

/** A hash that no secret has. */
const unmatched = `sha256:${randomBytes(32).toString('base64url')}`;

function matches(secret: string, hashes: readonly string[]): boolean {
  const given = digest(secret);
  let found = false;
  for (const hash of hashes) {
    const bytes = Buffer.from(hash.slice('sha256:'.length), 'base64url');
    // All of them, so that time does not tell which one it was.
    found = timingSafeEqual(given, bytes) || found;
  }
  return found;
}

function named({ authorization, id, secret }: ClientCredentials): {
  id: string | undefined;
  secret: string | undefined;
} {
  if (authorization === null) return { id, secret };
  const basic = basicPattern.exec(authorization)?.[1];
  if (basic === undefined) throw refused();
  if (secret !== undefined)
    throw new OAuthError('invalid_request', 'the client authenticates in two ways at once');
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const user = formDecoded(text.slice(0, Math.max(colon, 0)));
  const password = formDecoded(text.slice(colon + 1));
  if (colon < 0 || user === undefined || password === undefined) throw refused();
  if (id !== undefined && id !== user)
    throw new OAuthError('invalid_request', 'the client names itself in two ways');
  return { id: user, secret: password };
}

/** RFC 6749 section 2.3.1 writes both parts as a form does. */
function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function checked(client: OAuthClient | null | undefined): OAuthClient | undefined {
  if (client === null || client === undefined) return undefined;
  const { id, secrets = [] } = client;
  if (!isClientId(id)) throw new TypeError('clients: an id has 1 to 256 printable ASCII characters');
  if (secrets.length > MAX_SECRETS || !secrets.every((hash) => hashPattern.test(hash)))
    throw new TypeError(`clients: secrets are at most ${MAX_SECRETS} hashes of createClientSecret()`);
  return client;
}

function known(
  { id, grants, scope = '', introspect = false }: OAuthClient,
  isAuthenticated: boolean,
): KnownClient {
  return { id, isAuthenticated, grants: grants ?? ['refresh_token'], scope, introspect };
}

function refused(): OAuthError {
  return new OAuthError('invalid_client', 'the client is unknown or did not prove who it is');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
