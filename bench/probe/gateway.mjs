// A plain proxy of ours for the probe: node gateway.mjs PORT ORIGIN_PORT LISTENER. It stops on SIGTERM.
import { createGateway } from '../../dist/index.js';

const [port, origin, listener] = process.argv.slice(2);
const gateway = createGateway({
  listen: { maxBodyBytes: '1gb' },
  records: false,
  upstreams: { origin: { targets: [`http://127.0.0.1:${origin}`] } },
  routes: [{ match: { path: '/*rest' }, upstream: 'origin' }],
});
const drive = listener === 'native' ? { threads: 1 } : {};
await gateway.listen({ host: '127.0.0.1', port: Number(port), listener, ...drive });
process.once('SIGTERM', () => gateway.close({ timeoutMs: 500 }).then(() => process.exit(0)));
