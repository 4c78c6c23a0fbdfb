// The gateway under test with every policy on: node ferrogate.mjs forward|handler PORT SETTINGS_FILE
import { readFileSync } from 'node:fs';
import { createGateway } from '../../../dist/index.js';
import { loadedRoute, tableRoutes } from '../../inputs/routes.mjs';

const [mode, port, settingsFile] = process.argv.slice(2);
const { issuer, audience, jwks, limit, origin, body } = JSON.parse(readFileSync(settingsFile, 'utf8'));
const policies = { jwt: { issuer: 'main', scopes: ['read:orders'] }, limits: ['perClient'] };

// In handler mode the loaded route is a JavaScript handler in a table of the same size.
const isForwarded = (path) => mode === 'forward' || path !== loadedRoute;
const routes = tableRoutes()
  .map((path, index) => ({ id: `r${index}`, match: { path }, upstream: 'origin', ...policies }))
  .filter(({ match }) => isForwarded(match.path));

const gateway = createGateway({
  records: false,
  issuers: { main: { issuer, audience: [audience], jwks } },
  limits: { perClient: limit },
  upstreams: { origin: { targets: [`http://127.0.0.1:${origin}`] } },
  routes,
});
if (mode === 'handler') gateway.get(loadedRoute, policies, () => body);
await gateway.listen({ host: '127.0.0.1', port: Number(port) });
process.once('SIGTERM', () => gateway.close({ timeoutMs: 500 }).then(() => process.exit(0)));
