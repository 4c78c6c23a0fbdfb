// Configurations of the peers as text; each is tuned as its manual advises for keep-alive on one core.

const nginxHead = (run, name) => `
worker_processes 1; worker_rlimit_nofile 20000; daemon off;
pid ${run}/${name}.pid; error_log ${run}/${name}.err warn;
events { worker_connections 19500; }`;

const nginxHttp = (run, name) => `
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
  client_body_temp_path ${run}/${name}-body; proxy_temp_path ${run}/${name}-proxy; fastcgi_temp_path ${run}/${name}-f;
  uwsgi_temp_path ${run}/${name}-u; scgi_temp_path ${run}/${name}-s;`;

/** The origin: a small body for every path, the file \`large\` for \`largePath\`. */
export const originNginx = ({ run, port, body, largePath }) => `${nginxHead(run, 'origin')}
http {${nginxHttp(run, 'origin')}
  default_type application/json;
  open_file_cache max=10 inactive=1h; sendfile on; tcp_nopush on;
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location = ${largePath} { alias ${run}/large.json; }
    location / { return 200 '${body}'; }
  }
}
`;

export const proxyNginx = ({ run, port, origin }) => `${nginxHead(run, 'nginx-proxy')}
http {${nginxHttp(run, 'nginx-proxy')}
  upstream origin {
    server 127.0.0.1:${origin};
    keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 3600s;
  }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`;

/** HAProxy 2.6 has no cache of verified tokens: the signature is checked on every request. */
export const haproxyJwt = ({ run, port, origin, issuer }) => `
global
  nbthread 1
  maxconn 9990
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 3600s
  option http-keep-alive
  http-reuse always
frontend fe
  bind 127.0.0.1:${port} backlog 16384
  maxconn 9990
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${run}/issuer.pem") -m int 1 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('$.iss') -m str ${issuer} }
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request track-sc0 src table rates
  http-request deny deny_status 429 if { sc_http_req_rate(0,rates) gt 1000000000 }
  use_backend origin
backend rates
  stick-table type ip size 100k expire 60s store http_req_rate(10s)
backend origin
  option forwardfor
  server o1 127.0.0.1:${origin} pool-max-conn -1 pool-purge-delay 3600s maxconn 1024
`;

const extension = (name) => `type.googleapis.com/envoy.extensions.filters.http.${name}`;
const always = (key) => ({ runtime_key: key, default_value: { numerator: 100, denominator: 'HUNDRED' } });

function envoyFilters({ issuer, jwks }) {
  const provider = {
    issuer,
    forward: true,
    local_jwks: { inline_string: JSON.stringify(jwks) },
    jwt_cache_config: { jwt_cache_size: 1000 },
  };
  const bucket = { max_tokens: 1e9, tokens_per_fill: 1e9, fill_interval: '1s' };
  return [
    {
      name: 'envoy.filters.http.jwt_authn',
      typed_config: {
        '@type': extension('jwt_authn.v3.JwtAuthentication'),
        providers: { main: provider },
        rules: [{ match: { prefix: '/' }, requires: { provider_name: 'main' } }],
      },
    },
    {
      name: 'envoy.filters.http.local_ratelimit',
      typed_config: {
        '@type': extension('local_ratelimit.v3.LocalRateLimit'),
        stat_prefix: 'rl',
        token_bucket: bucket,
        filter_enabled: always('a'),
        filter_enforced: always('b'),
      },
    },
    {
      name: 'envoy.filters.http.router',
      typed_config: {
        '@type': extension('router.v3.Router'),
        suppress_envoy_headers: true,
        dynamic_stats: false,
      },
    },
  ];
}

/** Envoy with a token cache and a local limit; statistics and request ids off. JSON is YAML. */
export function envoyJwtCache({ port, origin, issuer, jwks }) {
  const socket = (port_value) => ({ socket_address: { address: '127.0.0.1', port_value } });
  const route = { match: { prefix: '/' }, route: { cluster: 'origin', timeout: '60s' } };
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'in',
    generate_request_id: false,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: envoyFilters({ issuer, jwks }),
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  const cluster = {
    name: 'origin',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: {
      thresholds: [{ max_connections: 1024, max_pending_requests: 20_000, max_requests: 20_000 }],
    },
    load_assignment: {
      cluster_name: 'origin',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(origin) } }] }],
    },
  };
  const listener = {
    name: 'l',
    address: socket(port),
    tcp_backlog_size: 16_384,
    filter_chains: [{ filters: [filter] }],
  };
  return JSON.stringify({
    stats_config: { stats_matcher: { reject_all: true } },
    static_resources: { listeners: [listener], clusters: [cluster] },
  });
}
