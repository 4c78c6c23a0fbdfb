// Options of a store: a Redis or Valkey, alone, behind sentinels or as a cluster, that gateways share.
import { isIP } from 'node:net';
import { z } from 'zod';
import { conflict, expecting, option, optional, section, withDefault } from './option.ts';
import type { PlanStore } from './plan.ts';
import { duration } from './units.ts';

const kinds = {
  'redis:': { kind: 'single', tls: false },
  'rediss:': { kind: 'single', tls: true },
  'redis-sentinel:': { kind: 'sentinel', tls: false },
  'rediss-sentinel:': { kind: 'sentinel', tls: true },
  'redis-cluster:': { kind: 'cluster', tls: false },
  'rediss-cluster:': { kind: 'cluster', tls: true },
} as const;

const urlPattern =
  /^(rediss?(?:-sentinel|-cluster)?:)\/\/(?:([^:@/?#\s]*)(?::([^@/?#\s]*))?@)?([^@/?#\s]+)(?:\/([^?#\s]*))?$/;
const nodePattern =
  /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?))(?::([0-9]{1,5}))?$/;
const maxNodes = 64;
const maxDatabase = 65535;

/** What a URL says of a store. */
export type StoreAddress = Pick<
  PlanStore,
  'kind' | 'tls' | 'nodes' | 'primary' | 'username' | 'password' | 'database'
>;

/**
 * The store that `text` names; undefined when it names none. `redis://[user:password@]host[:6379][/db]`, `rediss://`
 * with TLS, `redis-sentinel://[user:password@]host[:26379],…/PRIMARY[/db]`, `redis-cluster://[user:password@]host[:6379],…`.
 */
export function parseStoreUrl(text: string): StoreAddress | undefined {
  const [, protocol = '', user, secret, hosts = '', path = ''] = urlPattern.exec(text) ?? [];
  if (!Object.hasOwn(kinds, protocol)) return undefined;
  const { kind, tls } = kinds[protocol as keyof typeof kinds];
  const nodes = hosts.split(',').map((node) => parseNode(node, kind === 'sentinel' ? 26379 : 6379));
  const place = parsePath(kind, path);
  const username = decoded(user);
  const password = decoded(secret);
  if (place === undefined || username === undefined || password === undefined) return undefined;
  if (nodes.length > (kind === 'single' ? 1 : maxNodes) || !nodes.every((node) => node !== undefined))
    return undefined;
  return { kind, tls, nodes, ...place, username, password };
}

function parseNode(text: string, standard: number): PlanStore['nodes'][number] | undefined {
  const [, address, name, digits] = nodePattern.exec(text) ?? [];
  const host = address ?? name;
  const port = digits === undefined ? standard : Number(digits);
  if (host === undefined || port === 0 || port > 65535) return undefined;
  return address === undefined || isIP(address) === 6 ? { host, port } : undefined;
}

/** A cluster has no database, and only sentinels need the name of their primary. */
function parsePath(
  kind: PlanStore['kind'],
  path: string,
): Pick<PlanStore, 'primary' | 'database'> | undefined {
  const [first, ...rest] = path.split('/');
  const primary = kind === 'sentinel' ? decoded(first) : null;
  const number = kind === 'sentinel' ? rest.shift() : first;
  if (rest.length > 0 || primary === undefined || (kind === 'sentinel' && !primary)) return undefined;
  if (number === undefined || number === '') return { primary, database: 0 };
  const isNumber =
    kind !== 'cluster' && /^(?:0|[1-9][0-9]{0,4})$/.test(number) && Number(number) <= maxDatabase;
  return isNumber ? { primary, database: Number(number) } : undefined;
}

/** Null where nothing was written, undefined where it is no percent-encoding. */
function decoded(text: string | undefined): string | null | undefined {
  if (text === undefined || text === '') return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const expectedUrl =
  'a URL such as "redis://127.0.0.1:6379/0", "rediss://…", "redis-sentinel://a:26379,b:26379/PRIMARY" or "redis-cluster://a:6379,b:6379"';

const storeTls = section(
  { name: 'StoreTlsConfig', text: 'Verification of a store over TLS.' },
  {
    ca: option(
      optional(
        expecting(z.string().min(1), 'certificates in PEM form'),
        'the authorities that this machine trusts',
      ),
      'Certificates (PEM) of the authorities that may sign for the store.',
    ),
  },
);

export const storeSection = section(
  {
    name: 'StoreConfig',
    text: 'A Redis (6.2 or newer) or Valkey that the gateways of a fleet share.',
  },
  {
    url: option(
      expecting(
        z.string().refine((text) => parseStoreUrl(text) !== undefined),
        expectedUrl,
        { secret: true },
      ),
      'Where it is: `redis` or `rediss` (TLS), alone, or with `-sentinel` or `-cluster`, and several hosts separated by commas.',
    ),
    timeout: option(
      withDefault(duration('1ms', '10s'), '20ms'),
      'How long a request waits for it; then the fallback of what asked decides.',
    ),
    prefix: option(
      withDefault(
        expecting(
          z.string().regex(/^[A-Za-z0-9_.:-]{0,64}$/),
          'at most 64 letters, digits, "_", ".", ":" and "-"',
        ),
        'ferrogate:',
      ),
      'What every key begins with; gateways that share a store and a prefix are one fleet.',
    ),
    tls: option(withDefault(storeTls, {}), 'Verification of `rediss`.'),
  },
).superRefine(({ url, tls }, context) => {
  if (tls.ca === undefined) return;
  if (parseStoreUrl(url)?.tls === false)
    context.addIssue(conflict(['tls', 'ca'], 'nothing unless the URL is one of "rediss"', '***'));
  else if (!tls.ca.includes('-----BEGIN CERTIFICATE-----'))
    context.addIssue(conflict(['tls', 'ca'], 'certificates in PEM form', '***'));
});

/** The store as both planes want it. */
export function planStore(id: string, store: z.output<typeof storeSection>): PlanStore {
  const address = parseStoreUrl(store.url);
  if (address === undefined) throw new TypeError('a store passed its schema and is no URL');
  return { id, ...address, caPem: store.tls.ca ?? null, prefix: store.prefix, timeoutMs: store.timeout };
}
