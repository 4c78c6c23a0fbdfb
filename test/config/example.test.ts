// The configuration of the reference, as it is written there, and the exact plan that it gives.
import { describe, expect, it } from 'vitest';
import { parseConfig, toPlan } from '../../src/config/index.ts';
import { parseJson } from '../../src/config/jsonc.ts';

const text = `{
  "listen":    { "host": "127.0.0.1", "port": 8080, "listener": "auto",            // "auto" | "uws" | "native"; port 0 = any
                 "trustedProxies": [], "maxHeaderBytes": "16kb", "maxBodyBytes": "1mb", "chunkedRequests": "refuse" /* uws; native: "accept" */, "shutdownTimeout": "10s" },
  "admin":     { "host": "127.0.0.1", "port": 9901 },                               // /livez /readyz /metrics /config /routes; off in code unless given, on in the CLI; false = off
  "errors":    { "format": "problem" },                                              // or "envelope": {code,message,data,traceId}
  "issuers":   { "main": { "issuer": "https://id.example", "audience": ["orders"],  // "audience": false is the only way not to check it
                           "jwks": "http://127.0.0.1:9100/jwks.json",                // a URL, or an object {"keys": […]}
                           "clockSkew": "30s", "required": ["exp"] } },
  "limits":    { "perClient": { "rate": 100, "per": "1s", "burst": 200, "key": "client" } },   // client | route | header:NAME | claim:NAME; burst = capacity, default rate
  "upstreams": { "orders": { "targets": ["http://127.0.0.1:9001", { "url": "http://127.0.0.1:9002", "weight": 3 }],
                             "connectTimeout": "2s", "idleTimeout": "60s", "maxConnections": 1024, "tls": { "ca": "…" } } },
  "routes": [
    { "id": "order", "match": { "path": "/orders/:id(\\\\d+)", "methods": ["GET"], "host": "api.example.com" },     // methods omitted = all
      "jwt": { "issuer": "main", "scopes": ["read:orders"] }, "limits": ["perClient"], "cors": { "origins": ["https://app.example"] },
      "upstream": "orders", "timeout": "15s" /* to the response head */, "idleTimeout": "60s", "totalTimeout": null,
      "rewrite": { "stripPrefix": "/api" }, "headers": { "set": {}, "remove": [] }, "claimHeaders": { "x-user": "sub" }, "preserveHost": false, "allowEncoded": [] },
    { "id": "assets", "match": { "path": "/assets/*rest" }, "upstream": "orders" }
  ]
}`;

const plainRoute = {
  methods: [],
  hosts: [],
  jwt: null,
  access: null,
  apiKey: null,
  limits: [],
  cors: null,
  action: { kind: 'upstream', upstream: 'orders' },
  timeoutMs: 15_000,
  idleTimeoutMs: 60_000,
  totalTimeoutMs: null,
  maxBodyBytes: null,
  rewrite: { stripPrefix: null, addPrefix: null },
  headers: { set: [], remove: [] },
  claimHeaders: [],
  clientCertificate: null,
  preserveHost: false,
  websocket: null,
  allowEncoded: [],
};

const plan = {
  service: 'ferrogate',
  stores: [],
  via: 'ferrogate',
  maxHeaderBytes: 16_384,
  maxBodyBytes: 1_048_576,
  acceptChunked: false,
  trustedProxies: [],
  listenLimits: [],
  downstream: {
    headerTimeoutMs: 10_000,
    requestTimeoutMs: 300_000,
    keepAliveTimeoutMs: 75_000,
    writeTimeoutMs: 60_000,
    halfCloseTimeoutMs: 1000,
    minBodyRate: 240,
    maxConnections: 16_384,
    maxConnectionsPerClient: 1024,
    proxyProtocol: false,
  },
  listenTls: null,
  errors: { format: 'problem' },
  overload: {
    maxInFlight: 16_384,
    maxMemory: { kind: 'percent', percent: 85 },
    maxEventLoopDelayMs: null,
    shed: 800,
    stop: 1100,
    hysteresis: 50,
    retryAfterSeconds: 1,
  },
  records: { sample: 1, headers: [], query: false },
  issuers: [
    {
      id: 'main',
      issuer: 'https://id.example',
      algorithms: ['RS256'],
      audience: ['orders'],
      clockSkewSeconds: 30,
      required: ['exp'],
      realm: 'ferrogate',
      maxTokenBytes: 8192,
      cacheEntries: 65_536,
      refreshCooldownMs: 30_000,
      failures: { rate: 20, perMs: 1000, burst: 100 },
      demands: null,
      denyList: null,
    },
  ],
  apiKeys: [],
  limits: [
    {
      id: 'perClient',
      algorithm: 'token-bucket',
      rate: 100,
      perMs: 1000,
      burst: 200,
      maxInFlight: 0,
      floor: 0,
      ceiling: 0,
      key: { kind: 'client' },
      cost: { kind: 'tokens', tokens: 1 },
      warmUpMs: 0,
      shadow: false,
      legacyHeaders: false,
      fleet: null,
    },
  ],
  upstreams: [
    {
      id: 'orders',
      targets: [
        {
          url: 'http://127.0.0.1:9001',
          scheme: 'http',
          host: '127.0.0.1',
          port: 9001,
          weight: 1,
          local: false,
        },
        {
          url: 'http://127.0.0.1:9002',
          scheme: 'http',
          host: '127.0.0.1',
          port: 9002,
          weight: 3,
          local: false,
        },
      ],
      connectTimeoutMs: 2000,
      idleTimeoutMs: 60_000,
      maxConnections: 1024,
      maxIdle: 256,
      balance: 'round-robin',
      breaker: null,
      hashKey: { kind: 'client' },
      tls: { caPem: '…' },
    },
  ],
  routes: [
    {
      ...plainRoute,
      id: 'order',
      path: '/orders/:id(\\d+)',
      methods: ['GET'],
      hosts: ['api.example.com'],
      jwt: {
        issuer: ['main'],
        scopes: ['read:orders'],
        from: [{ kind: 'authorization' }],
        optional: false,
        shadow: false,
        demands: null,
        denyListFallback: null,
      },
      limits: ['perClient'],
      cors: {
        origins: ['https://app.example'],
        credentials: false,
        methods: ['GET'],
        headers: ['authorization', 'content-type'],
        exposedHeaders: [],
        maxAgeSeconds: 600,
      },
      rewrite: { stripPrefix: '/api', addPrefix: null },
      claimHeaders: [['x-user', 'sub']],
    },
    { ...plainRoute, id: 'assets', path: '/assets/*rest' },
  ],
};

describe('the example configuration', () => {
  const parsed = parseConfig(parseJson(text, true));

  it('gives exactly this plan', () => expect(toPlan(parsed)).toEqual(plan));

  it('gives exactly these settings to the control plane', () => {
    expect(parsed.listen).toEqual({
      host: '127.0.0.1',
      port: 8080,
      isSecure: false,
      listener: 'auto',
      threads: 1,
      workers: 1,
      handlers: null,
      backlog: 4096,
      maxHeaderBytes: 16_384,
      maxBodyBytes: 1_048_576,
      shutdownTimeoutMs: 10_000,
      drainDelayMs: 0,
    });
    expect(parsed.nativeOnly).toEqual([]);
    expect(parsed.admin).toEqual({ host: '127.0.0.1', port: 9901 });
    expect(parsed.keySources).toEqual([
      {
        id: 'main',
        issuer: 'https://id.example',
        jwks: { url: 'http://127.0.0.1:9100/jwks.json' },
        allowInsecure: false,
        refreshIntervalMs: 600_000,
        refreshCooldownMs: 30_000,
        fetchTimeoutMs: 5_000,
        maxStaleMs: 86_400_000,
      },
    ]);
    expect(parsed.files).toEqual([]);
  });

  it('survives JSON, as it crosses to the data plane', () => {
    expect(JSON.parse(JSON.stringify(toPlan(parsed)))).toEqual(plan);
  });

  it('says what an empty configuration means', () => {
    const empty = toPlan(parseConfig({}));
    expect(empty).toEqual({
      ...plan,
      acceptChunked: null,
      issuers: [],
      limits: [],
      upstreams: [],
      routes: [],
    });
    expect(parseConfig({}).admin).toBeUndefined();
    expect(parseConfig({ admin: false }).admin).toBe(false);
    expect(parseConfig({ admin: {} }).admin).toEqual({ host: '127.0.0.1', port: 9901 });
  });
});
