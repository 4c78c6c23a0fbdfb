// What no single option can say: ids that must exist and ids that must differ. It reads input that may be wrong
// elsewhere, so that all faults are found in one go.
import { asksForToken } from './access.ts';
import { paramFaults } from './access-params.ts';
import type { Fault } from './issues.ts';
import { isKnownBeforeRouting, limitFaults } from './limit.ts';
import type { ListenerName } from './listen.ts';
import { defaultRouteId } from './match.ts';
import { nativeOnlyFaults, nativeOnlyPaths, nativeOnlyPlanPaths } from './native-only.ts';
import { nearest } from './nearest.ts';
import type { PlanRoute } from './plan.ts';
import { asksForCertificates } from './tls.ts';
import { items, record } from './unchecked.ts';

/** The ids that routes may name. */
export interface KnownIds {
  readonly issuers: ReadonlySet<string>;
  readonly apiKeys: ReadonlySet<string>;
  readonly limits: ReadonlySet<string>;
  readonly upstreams: ReadonlySet<string>;
  readonly stores: ReadonlySet<string>;
  /** Issuers whose deny-list is in a store. */
  readonly sharedDenyLists: ReadonlySet<string>;
  /** Some clients are asked for a certificate. */
  readonly clientAuth: boolean;
}

/** The ids that a configuration declares. */
export function declaredIds(config: unknown): KnownIds {
  const ids = (name: string): Set<string> => new Set(Object.keys(record(record(config)[name])));
  const issuers = Object.entries(record(record(config)['issuers']));
  const shared = issuers.filter(([, issuer]) => record(record(issuer)['denyList'])['store'] !== undefined);
  return {
    issuers: ids('issuers'),
    apiKeys: ids('apiKeys'),
    limits: ids('limits'),
    upstreams: ids('upstreams'),
    stores: ids('stores'),
    sharedDenyLists: new Set(shared.map(([id]) => id)),
    clientAuth: asksForCertificates(config),
  };
}

/** Faults between the sections of a configuration. */
export function configFaults(config: unknown, known: KnownIds): Fault[] {
  const faults: Fault[] = [];
  const whole = record(config);
  faults.push(...nativeOnlyFaults(record(whole['listen'])['listener'], nativeOnlyPaths(config)));
  listenFaults(whole, known, faults);
  for (const [id, limit] of Object.entries(record(whole['limits'])))
    faults.push(...limitFaults(limit, ['limits', id]));
  storeFaults(whole, known, faults);
  fallbackFaults(whole, known, faults);
  const seen = new Map<string, number>();
  items(whole['routes']).forEach((route, index) => {
    faults.push(...routeFaults(route, known, false, ['routes', index]));
    const id = routeId(route);
    if (id === undefined) return;
    const first = seen.get(id);
    if (first === undefined) {
      seen.set(id, index);
      return;
    }
    const expected = `an id other than that of routes[${first}]`;
    const derived = record(route)['id'] === undefined ? { instead: 'the same methods, hosts and path' } : {};
    faults.push({ path: ['routes', index, 'id'], expected, received: id, ...derived });
  });
  return faults;
}

/** Faults between a route and the ids it names; `hasHandler` when JavaScript answers it. */
export function routeFaults(
  route: unknown,
  known: KnownIds,
  hasHandler: boolean,
  path: readonly PropertyKey[],
): Fault[] {
  const faults: Fault[] = [];
  const options = record(route);
  issuerFaults(options['jwt'], known, [...path, 'jwt'], faults);
  items(options['limits']).forEach((id, index) => {
    idFault('a limit', id, known.limits, [...path, 'limits', index], faults);
  });
  accessFault(options, path, faults);
  denyFallbackFault(record(options['jwt']), known, [...path, 'jwt'], faults);
  apiKeyFaults(options, known, path, faults);
  certificateFault(options['clientCertificate'], known, path, faults);
  const upstream = options['upstream'];
  if (hasHandler && upstream !== undefined) {
    faults.push({ path: [...path, 'upstream'], expected: 'nothing beside a handler', received: upstream });
  } else if (!hasHandler && upstream === undefined && route !== null && typeof route === 'object') {
    faults.push({ path: [...path, 'upstream'], expected: 'the id of an upstream', received: undefined });
  }
  if (!hasHandler) idFault('an upstream', upstream, known.upstreams, [...path, 'upstream'], faults);
  websocketFaults(options, hasHandler, path, faults);
  return faults;
}

function issuerFaults(jwt: unknown, known: KnownIds, path: readonly PropertyKey[], faults: Fault[]): void {
  const isObject = jwt !== null && typeof jwt === 'object';
  const issuer = isObject ? record(jwt)['issuer'] : jwt;
  const at = isObject ? [...path, 'issuer'] : path;
  idFault('an issuer', issuer, known.issuers, at, faults);
  items(issuer).forEach((id, index) => {
    idFault('an issuer', id, known.issuers, [...at, index], faults);
  });
}

/** Without an identity there is nothing that most parts of a policy could look at. */
function accessFault(
  { jwt = false, apiKey = false, access, match }: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  faults: Fault[],
): void {
  faults.push(...paramFaults(access, record(match)['path'], [...path, 'access']));
  if (jwt !== false || apiKey !== false || !asksForToken(access)) return;
  faults.push({
    path: [...path, 'access'],
    expected: 'nothing unless the route has a "jwt" or an "apiKey"',
    received: access,
  });
}

/** A request has one identity, so a route asks for one kind. */
function apiKeyFaults(
  { apiKey = false, jwt = false }: { readonly apiKey?: unknown; readonly jwt?: unknown },
  known: KnownIds,
  path: readonly PropertyKey[],
  faults: Fault[],
): void {
  if (apiKey === false) return;
  const at = [...path, 'apiKey'];
  const isObject = apiKey !== null && typeof apiKey === 'object';
  const keys = isObject ? record(apiKey)['keys'] : apiKey;
  idFault('a list of API keys', keys, known.apiKeys, isObject ? [...at, 'keys'] : at, faults);
  if (jwt !== false) faults.push({ path: at, expected: 'nothing beside "jwt"', received: apiKey });
}

/** A fallback is for when a store is away. */
function denyFallbackFault(
  { issuer, denyListFallback }: { readonly issuer?: unknown; readonly denyListFallback?: unknown },
  known: KnownIds,
  path: readonly PropertyKey[],
  faults: Fault[],
): void {
  if (denyListFallback === undefined || denyListFallback === null) return;
  if ([issuer].flat().some((id) => typeof id === 'string' && known.sharedDenyLists.has(id))) return;
  const expected = 'nothing unless the issuer has a "denyList" with a "store"';
  faults.push({ path: [...path, 'denyListFallback'], expected, received: denyListFallback });
}

function websocketFaults(
  { websocket, jwt = false, match }: Readonly<Record<string, unknown>>,
  hasHandler: boolean,
  path: readonly PropertyKey[],
  faults: Fault[],
): void {
  if (websocket === undefined || websocket === false) return;
  const at = [...path, 'websocket'];
  const { methods } = record(match);
  if (hasHandler) faults.push({ path: at, expected: 'nothing beside a handler', received: websocket });
  else if (isStrings(methods) && !methods.includes('GET'))
    faults.push({ path: at, expected: '"GET" among the methods of the route', received: websocket });
  if (record(websocket)['closeOnTokenExpiry'] !== true || jwt !== false) return;
  const expected = 'false, or a "jwt" on the route';
  faults.push({ path: [...at, 'closeOnTokenExpiry'], expected, received: true });
}

/** Faults of routes that were registered in code, against the ids, routes and listener of a configuration. */
export function codeRouteFaults(
  routes: readonly PlanRoute[],
  fileRoutes: readonly PlanRoute[],
  known: KnownIds,
  listener: ListenerName,
): Fault[] {
  const faults: Fault[] = [];
  const seen = new Set(fileRoutes.map((route) => route.id));
  for (const route of routes) {
    const { id, jwt, limits, action, clientCertificate } = route;
    const path = ['routes', id];
    if (seen.has(id))
      faults.push({ path: [...path, 'id'], expected: 'an id that no other route has', received: id });
    seen.add(id);
    for (const id of jwt?.issuer ?? []) idFault('an issuer', id, known.issuers, [...path, 'jwt'], faults);
    denyFallbackFault(jwt ?? {}, known, [...path, 'jwt'], faults);
    apiKeyFaults({ apiKey: route.apiKey ?? false }, known, path, faults);
    certificateFault(clientCertificate, known, path, faults);
    for (const limit of limits) idFault('a limit', limit, known.limits, [...path, 'limits'], faults);
    if (action.kind === 'upstream')
      idFault('an upstream', action.upstream, known.upstreams, [...path, 'upstream'], faults);
    faults.push(...nativeOnlyFaults(listener, nativeOnlyPlanPaths(route)));
  }
  return faults;
}

function listenFaults(config: Readonly<Record<string, unknown>>, known: KnownIds, faults: Fault[]): void {
  const { listener, workers, handlers, proxyProtocol, trustedProxies, limits } = record(config['listen']);
  if (typeof workers === 'number' && workers > 1 && handlers === undefined) {
    const expected = 'the path of a module that registers the handlers, as "workers" is more than 1';
    faults.push({ path: ['listen', 'handlers'], expected, received: undefined });
  }
  if (typeof workers === 'number' && workers > 1)
    faults.push(...nativeOnlyFaults(listener, [['listen', 'workers']]));
  if (proxyProtocol === true && items(trustedProxies).length === 0) {
    const expected = 'false, or "trustedProxies" that name the peers which send it';
    faults.push({ path: ['listen', 'proxyProtocol'], expected, received: true });
  }
  items(limits).forEach((id, index) => {
    const path = ['listen', 'limits', index];
    idFault('a limit', id, known.limits, path, faults);
    const key =
      typeof id === 'string' && known.limits.has(id)
        ? record(record(config['limits'])[id])['key']
        : undefined;
    if (isKnownBeforeRouting(key)) return;
    faults.push({
      path,
      expected: 'a limit by client or header, which are known before routing',
      received: id,
    });
  });
}

/** A breaker names the upstream that stands in, which is another one. */
function fallbackFaults(config: Readonly<Record<string, unknown>>, known: KnownIds, faults: Fault[]): void {
  for (const [id, upstream] of Object.entries(record(config['upstreams']))) {
    const other = record(record(record(upstream)['breaker'])['fallback'])['upstream'];
    const path = ['upstreams', id, 'breaker', 'fallback', 'upstream'];
    idFault('an upstream', other, known.upstreams, path, faults);
    if (other === id) faults.push({ path, expected: 'the id of another upstream', received: id });
  }
}

/** Limits and deny-lists name their stores. */
function storeFaults(config: Readonly<Record<string, unknown>>, known: KnownIds, faults: Fault[]): void {
  for (const [id, limit] of Object.entries(record(config['limits'])))
    idFault('a store', record(limit)['store'], known.stores, ['limits', id, 'store'], faults);
  for (const [id, issuer] of Object.entries(record(config['issuers']))) {
    const store = record(record(issuer)['denyList'])['store'];
    idFault('a store', store, known.stores, ['issuers', id, 'denyList', 'store'], faults);
  }
}

function certificateFault(
  certificate: unknown,
  known: KnownIds,
  path: readonly PropertyKey[],
  faults: Fault[],
): void {
  if (certificate === undefined || certificate === null || known.clientAuth) return;
  const expected = 'nothing unless "listen.tls" has a "clientAuth"';
  faults.push({ path: [...path, 'clientCertificate'], expected, received: certificate });
}

function idFault(
  kind: string,
  id: unknown,
  known: ReadonlySet<string>,
  path: readonly PropertyKey[],
  faults: Fault[],
): void {
  if (typeof id !== 'string' || known.has(id)) return;
  faults.push({
    path,
    expected: `the id of ${kind}`,
    received: id,
    suggestion: nearest(id, known),
  });
}

function routeId(route: unknown): string | undefined {
  const { id, match } = record(route);
  if (id !== undefined) return typeof id === 'string' ? id : undefined;
  const { path, methods = [], host = [] } = record(match);
  if (typeof path !== 'string' || !isStrings(methods)) return undefined;
  const hosts = typeof host === 'string' ? [host] : host;
  return isStrings(hosts)
    ? defaultRouteId(
        methods,
        hosts.map((name) => name.toLowerCase()),
        path,
      )
    : undefined;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
