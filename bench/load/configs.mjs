// Configurations of the peers as text; each is tuned as its manual advises for keep-alive on one core, up to 9,500 connections.
import { descriptorLimit } from './programs.mjs';

const NGINX_FILES = Math.min(20_000, descriptorLimit());
/** nginx closes idle clients when less than a sixteenth is free; 9,500 clients and as many upstream connections fit so. */
const NGINX_CONNECTIONS = Math.ceil(NGINX_FILES * 1.2);

const nginxHead = (run, name) => `
worker_processes 1; worker_rlimit_nofile ${NGINX_FILES}; daemon off;
pid ${run}/${name}.pid; error_log ${run}/${name}.err warn;
events { worker_connections ${NGINX_CONNECTIONS}; }`;

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

/** `more`: further directives of the server. */
export const proxyNginx = ({ run, port, origin, more = '' }) => `${nginxHead(run, 'nginx-proxy')}
http {${nginxHttp(run, 'nginx-proxy')}
  upstream origin {
    server 127.0.0.1:${origin};
    keepalive 9500; keepalive_requests 1000000000; keepalive_timeout 3600s;
  }
  server {
    listen 127.0.0.1:${port} backlog=16384; ${more}
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`;

/**
 * The default pool ratios (20 and 25 % of all descriptors) stop the reuse of server connections at 9,500 clients.
 */
const haproxyHead = (port) => `
global
  nbthread 1
  maxconn 9990
  tune.pool-low-fd-ratio 96
  tune.pool-high-fd-ratio 98
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
  maxconn 9990`;

const haproxyOrigin = (origin) => `
backend origin
  option forwardfor
  server o1 127.0.0.1:${origin} pool-max-conn -1 pool-purge-delay 3600s maxconn 1024
`;

export const haproxyPlain = ({ port, origin }) => `${haproxyHead(port)}
  default_backend origin${haproxyOrigin(origin)}`;

/** HAProxy 2.6 has no cache of verified tokens: the signature is checked on every request. */
export const haproxyJwt = ({ run, port, origin, issuer }) => `${haproxyHead(port)}
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
  stick-table type ip size 100k expire 60s store http_req_rate(10s)${haproxyOrigin(origin)}`;
