// Configurations of Envoy as text: plain, and with a token cache and a local limit. JSON is YAML.

const extension = (name) => `type.googleapis.com/envoy.extensions.filters.http.${name}`;
const always = (key) => ({ runtime_key: key, default_value: { numerator: 100, denominator: 'HUNDRED' } });

const router = {
  name: 'envoy.filters.http.router',
  typed_config: {
    '@type': extension('router.v3.Router'),
    suppress_envoy_headers: true,
    dynamic_stats: false,
  },
};

function policies({ issuer, jwks }) {
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
  ];
}

/** Envoy with a token cache and a local limit. */
export const envoyJwtCache = (context) => envoy(context, [...policies(context), router]);

export const envoyPlain = (context) => envoy(context, [router]);

/**
 * Statistics and request ids off; few upstream connections are what serves many clients best. `more`: further options of the
 * connection manager.
 */
function envoy({ port, origin, more = {} }, filters) {
  const socket = (port_value) => ({ socket_address: { address: '127.0.0.1', port_value } });
  const route = { match: { prefix: '/' }, route: { cluster: 'origin', timeout: '60s' } };
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'in',
    generate_request_id: false,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: filters,
    ...more,
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  const cluster = {
    name: 'origin',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: {
      thresholds: [{ max_connections: 128, max_pending_requests: 20_000, max_requests: 20_000 }],
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
