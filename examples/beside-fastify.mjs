// In front of an application that exists already, in the same process: its routes stay as they are, the gateway guards them.
// Run it: node examples/beside-fastify.mjs
import Fastify from 'fastify';
import { createGateway } from 'ferrogate';

const app = Fastify();
app.get('/hello/:name', async ({ params, headers }) => ({
  hello: params.name,
  trace: 'traceparent' in headers,
}));
app.get('/slow', () => new Promise(() => {}));
// On loopback, so that nobody gets around the gateway.
const target = await app.listen({ host: '127.0.0.1', port: 0 });

const gateway = createGateway({
  records: false, // else a line of JSON for every request, on standard error
  limits: { perClient: { rate: 2, per: '1m', key: 'client' } },
  upstreams: { app: { targets: [target] } },
  routes: [
    { match: { path: '/hello/*rest' }, upstream: 'app', limits: ['perClient'] },
    // An answer that takes too long is 504 here, whatever the application does.
    { match: { path: '/slow' }, upstream: 'app', timeout: '100ms' },
  ],
});
// A route that moves out of the application: the most specific match wins, so nothing else changes.
gateway.get('/hello/gateway', () => ({ hello: 'from the gateway itself' }));

const { url } = await gateway.listen({ host: '127.0.0.1', port: 0 });
for (const path of ['/hello/gateway', '/hello/ada', '/hello/bob', '/hello/eve', '/slow', '/other']) {
  const response = await fetch(url + path);
  const body = await response.json();
  console.log(path, response.status, body.code ?? JSON.stringify(body));
}

await gateway.close();
await app.close();
