// The gateway under slow clients, with its defaults: node gateway.mjs PORT ADMIN_PORT ORIGIN_PORT LARGE_PORT LISTEN_JSON
import { createGateway } from '../../dist/index.js';

const [port, adminPort, origin, large, listen] = process.argv.slice(2);
const gateway = createGateway({
  records: false,
  upstreams: {
    origin: { targets: [`http://127.0.0.1:${origin}`] },
    large: { targets: [`http://127.0.0.1:${large}`] },
  },
  routes: [
    { match: { path: '/large' }, upstream: 'large' },
    { match: { path: '/*rest' }, upstream: 'origin' },
  ],
});
await gateway.listen({
  host: '127.0.0.1',
  port: Number(port),
  admin: { port: Number(adminPort) },
  ...JSON.parse(listen),
});
process.once('SIGTERM', () => gateway.close({ timeoutMs: 500 }).then(() => process.exit(0)));
