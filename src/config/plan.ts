// The Plan: validated options as plain JSON; what Rust compiles into a snapshot. All durations in ms, sizes in bytes.
/** Everything that the data plane needs to decide and forward requests. */
export interface Plan {
  service: string; // label `service`, default "ferrogate"
  via: string | null; // Via pseudonym, default "ferrogate"; null = no Via
  maxHeaderBytes: number; // default 16384
  maxBodyBytes: number; // default 1048576
  acceptChunked: boolean | null; // listen.chunkedRequests; null = by listener: uws refuses, native accepts
  trustedProxies: string[]; // CIDR or address
  listenLimits: string[]; // ids of limits that apply to every request, before routing (listen.limits)
  downstream: PlanDownstream;
  listenTls: PlanListenTls | null; // listen.tls
  errors: { format: 'problem' | 'envelope' };
  overload: PlanOverload | null; // null = the guard is off
  records: { sample: number; headers: string[]; query: boolean } | null;
  stores: PlanStore[];
  issuers: PlanIssuer[];
  apiKeys: PlanApiKeys[];
  limits: PlanLimit[];
  upstreams: PlanUpstream[];
  routes: PlanRoute[];
}
/** What clients may take of time, rate and connections; only the native listener reads it. */
export interface PlanDownstream {
  headerTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  writeTimeoutMs: number;
  halfCloseTimeoutMs: number;
  minBodyRate: number; // bytes per second, 0 = any
  maxConnections: number;
  maxConnectionsPerClient: number | null;
  proxyProtocol: boolean;
}
/** The overload guard: maxima, none where null, and where its steps begin, in thousandths of them. */
export interface PlanOverload {
  maxInFlight: number | null;
  maxMemory: { kind: 'bytes'; bytes: number } | { kind: 'percent'; percent: number } | null;
  maxEventLoopDelayMs: number | null;
  shed: number;
  stop: number;
  hysteresis: number;
  retryAfterSeconds: number;
}
/** TLS of the listener. Certificates, keys and authorities are PEM texts. */
export interface PlanListenTls {
  certificates: { certificate: string; key: string; names: string[] | null /* null = the certificate's */ }[];
  minVersion: '1.2' | '1.3';
  clientAuth: PlanClientAuth | null;
  serverNames: [name: string, clientAuth: PlanClientAuth | null][];
}
/** Client certificates that are asked for. */
export interface PlanClientAuth {
  required: boolean;
  caPem: string;
}
/** A Redis or Valkey that gateways share. */
export interface PlanStore {
  id: string;
  kind: 'single' | 'sentinel' | 'cluster';
  nodes: { host: string /* without brackets */; port: number }[]; // one, the sentinels, or some of the cluster
  primary: string | null; // its name, of sentinels alone
  tls: boolean;
  caPem: string | null; // null = system roots
  username: string | null;
  password: string | null;
  database: number;
  prefix: string; // of every key
  timeoutMs: number;
}
/** What a token of one issuer must say; its keys come apart from the plan. */
export interface PlanIssuer {
  id: string;
  issuer: string;
  algorithms: string[]; // values of alg
  audience: string[] | null /* null = not checked */;
  clockSkewSeconds: number;
  required: string[];
  realm: string;
  maxTokenBytes: number;
  cacheEntries: number;
  refreshCooldownMs: number;
  failures: { rate: number; perMs: number; burst: number } | null; // by client; null = every signature is checked
  demands: PlanDemands | null; // null = nothing more
  denyList: PlanDenyList | null; // null = no token is denied
}
/** API keys that a route may take; names of headers in lower case. */
export interface PlanApiKeys {
  id: string;
  header: string;
  keys: {
    id: string;
    hash: string; // SHA-256, 64 hex digits
    notBefore: number | null; // seconds since 1970
    notAfter: number | null;
    claims: string; // JSON: what a token of its owner would say
  }[];
  failures: PlanIssuer['failures'];
}
/** Tokens that are denied; which ones comes apart from the plan. */
export interface PlanDenyList {
  maxEntries: number;
  maxStaleMs: number | null; // null = nothing synchronises it
  fallback: 'closed' | 'open';
}
/** Which tokens a route takes, from where, and what it makes of those that it does not. */
export interface PlanJwt {
  issuer: string[]; // ids; of several the `iss` of a token says which is meant
  scopes: string[];
  from: PlanTokenSource[];
  optional: boolean;
  shadow: boolean; // decided and counted, not enforced
  demands: PlanDemands | null;
  denyListFallback: 'closed' | 'open' | null; // null = what the issuer says
}
/** Where a token may stand; header names in lower case. */
export type PlanTokenSource =
  | { kind: 'authorization' }
  | { kind: 'header'; name: string }
  | { kind: 'cookie'; name: string };
/** What is demanded of a token beyond whose it is, for whom and when. */
export interface PlanDemands {
  claims: PlanClaim[];
  authorizedParties: string[] | null; // azp; null = any
  tokenType: string | null; // typ of the header; null = any
  maxAgeSeconds: number | null; // since iat; null = any
}
/** What one claim must be; all that is not null must hold. */
export interface PlanClaim {
  name: string;
  required: boolean; // false = looked at only where it is there
  anyOf: (string | number | boolean)[] | null;
  contains: string | number | boolean | null;
  pattern: string | null;
}
/** What a token may do on a route: every part must hold. */
export interface PlanAccess {
  scopes: PlanWords;
  roles: PlanWords;
  rolesClaim: string;
  action: string | null; // verb:resource:{param}
  actionsClaim: string;
  tenant: PlanTie | null;
  projectScope: PlanTie | null;
  rules: PlanRule[] | null; // the first that holds decides, none refuses; null = no rules
  shadow: boolean;
}
/** Words that must be held; empty lists demand nothing. */
export interface PlanWords {
  allOf: string[];
  anyOf: string[];
}
/** A parameter of the path, or a header in lower case, that a claim must name. */
export interface PlanTie {
  from: 'param' | 'header';
  name: string;
  claim: string;
}
export interface PlanRule {
  effect: 'allow' | 'deny';
  condition: PlanCondition;
}
export type PlanCondition =
  | { kind: 'all' | 'any' | 'none'; of: PlanCondition[] }
  | { kind: 'role' | 'scope' | 'method'; anyOf: string[] }
  | { kind: 'action'; action: string }
  | { kind: 'claims'; claims: PlanClaim[] }
  | { kind: 'client'; networks: string[] };
/** An algorithm with its numbers, 0 for those that it does not have, and what it is counted by. */
export interface PlanLimit {
  id: string;
  algorithm: 'token-bucket' | 'sliding-window' | 'fixed-window' | 'concurrency' | 'adaptive';
  rate: number;
  perMs: number; // 0 = a calendar month
  burst: number;
  maxInFlight: number;
  floor: number;
  ceiling: number;
  key: PlanLimitKey | { kind: 'several'; parts: PlanLimitKey[] };
  cost: { kind: 'tokens'; tokens: number } | { kind: 'header'; name: string } | { kind: 'response-bytes' };
  warmUpMs: number;
  shadow: boolean;
  legacyHeaders: boolean;
  fleet: PlanFleet | null; // null = counted in this process
}
/** How a fleet counts a limit together. */
export interface PlanFleet {
  store: string; // id
  mode: 'leased' | 'exact';
  fallback: 'local' | 'open' | 'closed';
  gateways: number | null; // of which the local fallback is a share; null = as many as the store last told of
}
export type PlanLimitKey =
  | { kind: 'client' | 'route' | 'all' /* everything together */ }
  | { kind: 'header' | 'claim'; name: string };
/** Servers that answer the same requests. */
export interface PlanUpstream {
  id: string;
  targets: PlanTarget[];
  connectTimeoutMs: number;
  idleTimeoutMs: number;
  maxConnections: number;
  maxIdle: number;
  balance: 'round-robin' | 'least-request' | 'ewma' | 'hash' | 'maglev' | 'random';
  hashKey: { kind: 'client' | 'path' } | { kind: 'header' | 'cookie' | 'claim'; name: string };
  breaker: {
    failureRatio: number; // above 0, at most 1
    minRequests: number;
    windowMs: number;
    openMs: number;
    halfOpenRequests: number;
    failureStatuses: [from: number, to: number][]; // both included
    fallback:
      | { kind: 'answer'; status: number; contentType: string; body: string }
      | { kind: 'upstream'; upstream: string }
      | null; // null = 503
  } | null;
  tls: { caPem: string | null /* null = system roots */ };
}
/** One server; its name is resolved apart from the plan. `host` has no brackets. */
export interface PlanTarget {
  url: string /* canonical, no path */;
  scheme: 'http' | 'https';
  host: string;
  port: number;
  weight: number;
  local: boolean; // in the zone of the gateway
}
/** The CORS policy of a route; header names in lower case. */
export interface PlanCors {
  origins: string[];
  credentials: boolean;
  methods: string[];
  headers: string[];
  exposedHeaders: string[];
  maxAgeSeconds: number;
}
/** A route with every default filled in; header names in lower case, empty lists of methods and hosts mean all. */
export interface PlanRoute {
  id: string;
  path: string;
  methods: string[];
  hosts: string[];
  jwt: PlanJwt | null;
  access: PlanAccess | null;
  apiKey: { keys: string; scopes: string[] } | null; // never beside jwt
  limits: string[]; // ids
  cors: PlanCors | null;
  action: { kind: 'upstream'; upstream: string } | { kind: 'handler'; handler: number };
  timeoutMs: number; // to the response head, default 15000
  idleTimeoutMs: number; // default 60000
  totalTimeoutMs: number | null;
  maxBodyBytes: number | null;
  rewrite: { stripPrefix: string | null; addPrefix: string | null };
  headers: { set: [string, string][]; remove: string[] }; // request headers to the upstream
  claimHeaders: [header: string, claim: string][];
  clientCertificate: {
    required: boolean;
    headers: [header: string, tells: 'subject' | 'san' | 'fingerprint' | 'serial'][];
  } | null;
  preserveHost: boolean;
  websocket: { idleTimeoutMs: number; closeOnTokenExpiry: boolean } | null; // null = Upgrade is stripped
  allowEncoded: ('%2f' | '%5c' | '//' | '\\')[];
}
