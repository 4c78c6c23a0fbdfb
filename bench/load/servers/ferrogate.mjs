// The gateway under test: node ferrogate.mjs PORT SETTINGS_FILE OPTIONS, which are
// {"listen": {…}, "hasPolicies", "isHandler", "isBlocked", "cacheEntries"} as JSON. It prints why it could not start.
import { readFileSync } from 'node:fs';
import { createGateway } from '../../../dist/index.js';
import { loadedRoute, tableRoutes } from '../../inputs/routes.mjs';

const [port, settingsFile, optionsText] = process.argv.slice(2);
const { issuer, audience, jwks, limit, origin, body } = JSON.parse(readFileSync(settingsFile, 'utf8'));
const { listen, hasPolicies, isHandler, isBlocked, cacheEntries } = JSON.parse(optionsText);
const BLOCKED_MS = 50;
const BLOCKED_EVERY_MS = 200;

const policies = hasPolicies
  ? { jwt: { issuer: 'main', scopes: ['read:orders'] }, limits: ['perClient'] }
  : {};
// With every policy the table is large; a handler's route takes the place of the loaded one.
const paths = hasPolicies ? tableRoutes() : isHandler ? [] : ['/*rest'];
const routes = paths
  .map((path, index) => ({ id: `r${index}`, match: { path }, upstream: 'origin', ...policies }))
  .filter(({ match }) => !isHandler || match.path !== loadedRoute);

const gateway = createGateway({
  // All clients of a benchmark have one address.
  listen: listen.listener === 'native' ? { ...listen, maxConnectionsPerClient: null } : listen,
  records: false,
  issuers: { main: { issuer, audience: [audience], jwks, ...(cacheEntries && { cacheEntries }) } },
  limits: { perClient: limit },
  upstreams: { origin: { targets: [`http://127.0.0.1:${origin}`] } },
  routes,
});
if (isHandler) gateway.get(loadedRoute, policies, () => body);
await gateway.listen({ host: '127.0.0.1', port: Number(port) });
process.once('SIGTERM', () => gateway.close({ timeoutMs: 500 }).then(() => process.exit(0)));

if (isBlocked) {
  setInterval(() => {
    for (const end = performance.now() + BLOCKED_MS; performance.now() < end; );
  }, BLOCKED_EVERY_MS);
}
