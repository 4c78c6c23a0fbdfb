// A stand-in for HashiCorp Vault and OpenBao that follows their HTTP API: paths, status codes and bodies of KV v2, Transit, AppRole, Kubernetes and tokens.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificates.ts';

export interface VaultStub {
  readonly url: string;
  /** `METHOD /v1/path` of every request, in order. */
  readonly requests: string[];
  /** KV v2: the secret at `mount/path`; null is a deleted version. */
  readonly secrets: Map<string, Record<string, unknown> | null>;
  /** Transit: what `keys/:name` tells as `data`, by `mount/name`. */
  readonly transit: Map<string, Record<string, unknown>>;
  /** Tokens that are good, with what is known of each. */
  readonly tokens: Map<string, VaultToken>;
  readonly appRoles: Map<string, { secretId: string | null }>;
  /** Kubernetes roles with the service account token that each takes. */
  readonly roles: Map<string, string>;
  /** What a login gives. */
  granted: { ttl: number; renewable: boolean };
  /** Seconds that a renewal gives. */
  renewed: number;
  isSealed: boolean;
  /** Requests without this namespace are 404. */
  namespace: string | null;
  /** Answers in place of everything else. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | null;
  close(): Promise<void>;
}

export interface VaultToken {
  /** Seconds; 0 = for ever. */
  ttl: number;
  renewable: boolean;
  /** Whether its policies allow reading secrets and keys. */
  mayRead: boolean;
  /** Whether it may look at itself: the default policy. */
  mayLookUp: boolean;
}

const goodToken: VaultToken = { ttl: 0, renewable: false, mayRead: true, mayLookUp: true };

/** Starts one on loopback with the token `root`, over TLS with a `certificate`. */
export async function startVault(certificate?: Certificate): Promise<VaultStub> {
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void serve(held, request, response);
  const server =
    certificate === undefined ? createServer(listener) : createSecureServer(certificate, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const held: VaultStub = {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    secrets: new Map(),
    transit: new Map(),
    tokens: new Map([['root', { ...goodToken }]]),
    appRoles: new Map(),
    roles: new Map(),
    granted: { ttl: 3600, renewable: true },
    renewed: 3600,
    isSealed: false,
    namespace: null,
    instead: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return held;
}

/** Status and body of an answer. */
type Answer = readonly [status: number, body: object];

const errors = (status: number, ...messages: string[]): Answer => [status, { errors: messages }];
const denied = errors(403, 'permission denied');

async function serve(vault: VaultStub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  vault.requests.push(`${request.method} ${request.url}`);
  if (vault.instead !== null) return vault.instead(request, response);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Body);
  const [status, answer] = answerTo(vault, request, body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(answer));
}

type Body = Record<string, unknown>;

function answerTo(vault: VaultStub, { method, url = '', headers }: IncomingMessage, body: Body): Answer {
  if (vault.isSealed) return errors(503, 'Vault is sealed');
  if (headers['x-vault-request'] !== 'true') return errors(412, 'missing X-Vault-Request header');
  if (vault.namespace !== null && headers['x-vault-namespace'] !== vault.namespace)
    return errors(404, 'no handler for route');
  const path = decodeURIComponent(url.replace(/^\/v1\//, ''));
  const login = /^auth\/(.+)\/login$/.exec(path);
  if (login !== null) return method === 'POST' ? logIn(vault, login[1] ?? '', body) : errors(405);
  const name = String(headers['x-vault-token']);
  const token = vault.tokens.get(name);
  if (token === undefined) return denied;
  if (path === 'auth/token/lookup-self') return token.mayLookUp ? lookUp(token) : denied;
  if (path === 'auth/token/renew-self') return renew(vault, name, token);
  if (!token.mayRead) return denied;
  return method === 'GET' ? read(vault, path) : errors(405, 'unsupported operation');
}

function logIn(vault: VaultStub, mount: string, body: Body): Answer {
  if (mount.startsWith('approle')) {
    const role = vault.appRoles.get(String(body['role_id']));
    const isGood = role !== undefined && (role.secretId === null || role.secretId === body['secret_id']);
    return isGood ? grant(vault) : errors(400, 'invalid role or secret ID');
  }
  if (mount.startsWith('kubernetes'))
    return vault.roles.get(String(body['role'])) === body['jwt'] ? grant(vault) : denied;
  return errors(404, 'no handler for route');
}

let granted = 0;

function grant(vault: VaultStub): Answer {
  granted += 1;
  const name = `hvs.granted-${granted}`;
  vault.tokens.set(name, { ...goodToken, ...vault.granted });
  return [200, authOf(name, vault.granted.ttl, vault.granted.renewable)];
}

function authOf(token: string, ttl: number, renewable: boolean): object {
  const auth = {
    client_token: token,
    accessor: 'a',
    policies: ['default'],
    lease_duration: ttl,
    renewable,
    metadata: null,
  };
  return {
    request_id: 'r',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    warnings: null,
    auth,
  };
}

function lookUp({ ttl, renewable }: VaultToken): Answer {
  return [
    200,
    { data: { id: '***', ttl, renewable, expire_time: ttl === 0 ? null : 'later', policies: [] } },
  ];
}

function renew(vault: VaultStub, name: string, token: VaultToken): Answer {
  if (!token.renewable) return errors(400, 'lease is not renewable');
  return [200, authOf(name, vault.renewed, true)];
}

function read(vault: VaultStub, path: string): Answer {
  const [, mount, kind, rest = ''] = /^([^/]+)\/(data|keys)\/(.+)$/.exec(path) ?? [];
  const place = `${mount}/${rest}`;
  if (kind === 'keys') {
    const key = vault.transit.get(place);
    return key === undefined ? errors(404) : [200, { request_id: 'r', data: key, auth: null }];
  }
  const secret = kind === 'data' ? vault.secrets.get(place) : undefined;
  if (secret === undefined) return errors(404);
  const metadata = { created_time: 't', custom_metadata: null, destroyed: false, version: 1 };
  if (secret === null)
    return [404, { data: { data: null, metadata: { ...metadata, deletion_time: '2026-01-01T00:00:00Z' } } }];
  return [200, { request_id: 'r', data: { data: secret, metadata: { ...metadata, deletion_time: '' } } }];
}
