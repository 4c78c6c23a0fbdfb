// Options of a route: its match, its policies and where it goes.
import { z } from 'zod';
import { accessOption, planAccess } from './access.ts';
import { apiKeyOption, planApiKey } from './api-key.ts';
import { corsSection, planCors } from './cors.ts';
import {
  allowEncodedOption,
  claimHeadersOption,
  headersSection,
  planClaimHeaders,
  planHeaders,
  rewriteSection,
} from './forward.ts';
import { jwtOption, planJwt } from './jwt.ts';
import { defaultRouteId, matchSection, planHosts } from './match.ts';
import { identifier, label, repeatedHeader } from './names.ts';
import {
  expecting,
  flag,
  list,
  nameConflict,
  nativeOption,
  option,
  optional,
  section,
  withDefault,
} from './option.ts';
import type { PlanRoute } from './plan.ts';
import { clientCertificateSection, planClientCertificate } from './tls.ts';
import { duration, size } from './units.ts';
import { planWebSocket, websocketOption } from './websocket.ts';

const policies = {
  id: option(
    optional(label(), 'methods, hosts and path, as in `GET /orders/:id`'),
    'Name in metrics, records and messages; one route each.',
  ),
  jwt: option(
    optional(jwtOption, 'false'),
    'Tokens that are demanded: the id of an issuer, or that with scopes.',
  ),
  access: option(
    optional(accessOption, 'false'),
    'What the token may do: roles, action, tenant and rules; needs `jwt`, unless only `rules` ask, and for nothing of a token.',
  ),
  apiKey: option(
    optional(apiKeyOption, 'false'),
    'API keys that are demanded: the id of a list under `apiKeys`, or that with scopes. Not beside `jwt`.',
  ),
  limits: option(
    withDefault(list(identifier(), 'limit ids'), []),
    'Limits that must all let a request through.',
  ),
  cors: option(
    optional(expecting(z.union([corsSection, z.literal(false)]), 'an object or false'), 'false'),
    'Which pages of other origins may call.',
  ),
  timeout: option(withDefault(duration('1ms', '24h'), '15s'), 'How long the head of the response may take.'),
  idleTimeout: option(
    withDefault(duration('1ms', '24h'), '60s'),
    'How long a body may stand still, either way.',
  ),
  totalTimeout: option(
    withDefault(
      expecting(duration('1ms', '24h').nullable(), 'a duration from "1ms" to "24h", or null'),
      null,
    ),
    'How long the whole exchange may take.',
  ),
  maxBodyBytes: option(
    optional(
      expecting(
        size('0b', '1024gb').nullable(),
        'a size from "0b" to "1024gb", the number of bytes, or null',
      ),
      '`listen.maxBodyBytes`',
    ),
    'Longest request body; a longer one is 413.',
  ),
  websocket: nativeOption(
    optional(websocketOption, 'false'),
    'Whether WebSocket connections go to the upstream; without it `Upgrade` is stripped.',
  ),
  rewrite: option(withDefault(rewriteSection, {}), 'How the path changes on its way to the upstream.'),
  headers: option(withDefault(headersSection, {}), 'Changes to the request headers.'),
  claimHeaders: option(
    withDefault(claimHeadersOption, {}),
    'Headers that tell the upstream claims of the token. Those of the client, also with `_` for `-`, are never sent on.',
  ),
  clientCertificate: nativeOption(
    optional(clientCertificateSection, 'none is demanded or told'),
    'What is made of the certificate of the client; needs `listen.tls` with `clientAuth`.',
  ),
  preserveHost: option(
    withDefault(flag(), false),
    'Whether the upstream gets the `Host` of the client instead of its own.',
  ),
  allowEncoded: option(
    withDefault(allowEncodedOption, []),
    'Doubtful forms that the path may hold; without them they are 400.',
  ),
};

export const policiesSection = section(
  { name: 'RoutePolicies', text: 'What a route may say beside its match and its upstream or handler.' },
  policies,
);

export const routeSection = section(
  {
    name: 'RouteConfig',
    text: 'A route: which requests, under which policies, to where.',
    base: 'RoutePolicies',
  },
  {
    match: option(matchSection, 'Which requests the route takes.'),
    upstream: option(
      optional(identifier(), 'none: in code a handler stands for it'),
      'Id under `upstreams`; needed in a file.',
    ),
    ...policies,
  },
).superRefine((route, context) => {
  const set = Object.keys(route.headers.set);
  const claims = Object.keys(route.claimHeaders);
  for (const name of claims) {
    if (repeatedHeader([...set, name]) === undefined) continue;
    context.addIssue(nameConflict(['claimHeaders', name], 'a header that "headers.set" does not set'));
  }
  for (const name of Object.keys(route.clientCertificate?.headers ?? {})) {
    const lower = name.toLowerCase();
    if (![...set, ...claims].some((other) => other.toLowerCase() === lower)) continue;
    const expected = 'a header that neither "headers.set" nor "claimHeaders" sets';
    context.addIssue(nameConflict(['clientCertificate', 'headers', name], expected));
  }
});

type Route = z.output<typeof routeSection>;

/** The route as the data plane wants it; `handler` is the number of its JavaScript handler, if it has one. */
export function planRoute(route: Route, handler: number | undefined): PlanRoute {
  const methods = route.match.methods ?? [];
  const hosts = planHosts(route.match.host);
  return {
    id: route.id ?? defaultRouteId(methods, hosts, route.match.path),
    path: route.match.path,
    methods,
    hosts,
    jwt: planJwt(route.jwt),
    access: planAccess(route.access),
    apiKey: planApiKey(route.apiKey),
    limits: route.limits,
    cors: route.cors === undefined || route.cors === false ? null : planCors(route.cors, methods),
    action:
      handler === undefined
        ? { kind: 'upstream', upstream: route.upstream ?? '' }
        : { kind: 'handler', handler },
    timeoutMs: route.timeout,
    idleTimeoutMs: route.idleTimeout,
    totalTimeoutMs: route.totalTimeout,
    maxBodyBytes: route.maxBodyBytes ?? null,
    rewrite: { stripPrefix: route.rewrite.stripPrefix ?? null, addPrefix: route.rewrite.addPrefix ?? null },
    headers: planHeaders(route.headers),
    claimHeaders: planClaimHeaders(route.claimHeaders),
    clientCertificate: planClientCertificate(route.clientCertificate),
    preserveHost: route.preserveHost,
    websocket: planWebSocket(route.websocket),
    allowEncoded: route.allowEncoded,
  };
}
