// The Plan: validated options as plain JSON; what Rust compiles into a snapshot. All durations in ms, sizes in bytes.
/** Everything that the data plane needs to decide and forward requests. */
export interface Plan {
  service: string; // label `service`, default "ferrogate"
  via: string | null; // Via pseudonym, default "ferrogate"; null = no Via
  maxHeaderBytes: number; // default 16384
  maxBodyBytes: number; // default 1048576
  acceptChunked: boolean; // listen.chunkedRequests === "accept"
  trustedProxies: string[]; // CIDR or address
  listenLimits: string[]; // ids of limits that apply to every request, before routing (listen.limits)
  errors: { format: 'problem' | 'envelope' };
  records: { sample: number; headers: string[]; query: boolean } | null;
  issuers: PlanIssuer[];
  limits: PlanLimit[];
  upstreams: PlanUpstream[];
  routes: PlanRoute[];
}
/** What a token of one issuer must say; its keys come apart from the plan. */
export interface PlanIssuer {
  id: string;
  issuer: string;
  audience: string[] | null /* null = not checked */;
  clockSkewSeconds: number;
  required: string[];
  realm: string;
  maxTokenBytes: number;
  cacheEntries: number;
  refreshCooldownMs: number;
}
/** A quota and what it is counted by. */
export interface PlanLimit {
  id: string;
  rate: number;
  perMs: number;
  burst: number;
  key:
    | { kind: 'client' }
    | { kind: 'route' }
    | { kind: 'header'; name: string }
    | { kind: 'claim'; name: string };
}
/** Servers that answer the same requests. */
export interface PlanUpstream {
  id: string;
  targets: PlanTarget[];
  connectTimeoutMs: number;
  idleTimeoutMs: number;
  maxConnections: number;
  maxIdle: number;
  tls: { caPem: string | null /* null = system roots */ };
}
/** One server; its name is resolved apart from the plan. `host` has no brackets. */
export interface PlanTarget {
  url: string /* canonical, no path */;
  scheme: 'http' | 'https';
  host: string;
  port: number;
  weight: number;
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
  jwt: { issuer: string; scopes: string[] } | null;
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
  preserveHost: boolean;
  allowEncoded: ('%2f' | '%5c' | '//' | '\\')[];
}
