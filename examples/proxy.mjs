// A gateway in front of a service that knows nothing of tokens: who you are, what you may do and how often is decided here.
// Run it: node examples/proxy.mjs
import { createGateway } from 'ferrogate';
import { startIssuer } from './support/issuer.mjs';
import { untilReady } from './support/ready.mjs';
import { startServer } from './support/server.mjs';

const issuer = await startIssuer();
// The service trusts what the gateway tells it, because nobody else can reach it.
const service = await startServer(({ method, url, headers }) => ({
  method,
  url,
  user: headers['x-user'] ?? null,
}));

const gateway = createGateway({
  records: false, // else a line of JSON for every request, on standard error
  issuers: {
    // Keys are fetched from here, refreshed before they age out, and again when a token names a key that is not known.
    main: { issuer: issuer.url, audience: ['orders'], jwks: issuer.jwksUrl },
  },
  // By what the token says, so that a user has one quota on all machines; who sends no token is counted by address.
  limits: { perUser: { rate: 3, per: '1m', key: 'claim:sub' } },
  upstreams: { orders: { targets: [service.url] } },
  routes: [
    { match: { path: '/health' }, upstream: 'orders' },
    {
      id: 'read',
      match: { path: '/orders/*rest', methods: ['GET'] },
      jwt: { issuer: 'main', scopes: ['read:orders'] },
      limits: ['perUser'],
      upstream: 'orders',
      // The header is taken out of the client's request first: it always is what the token says.
      claimHeaders: { 'x-user': 'sub' },
    },
    {
      id: 'write',
      match: { path: '/orders/*rest', methods: ['POST'] },
      jwt: { issuer: 'main', scopes: ['write:orders'] },
      upstream: 'orders',
      claimHeaders: { 'x-user': 'sub' },
    },
  ],
});
const { url } = await gateway.listen({ host: '127.0.0.1', port: 0 });
// Until the keys are there, routes with a token are 503.
await untilReady(gateway);

const ada = await issuer.token({ sub: 'ada', scope: 'read:orders' });
const show = async (what, path, options = {}) => {
  const response = await fetch(url + path, options);
  const body = await response.json();
  console.log(`${what}: ${response.status}`, body.code ?? JSON.stringify(body));
};
const as = (token, more = {}) => ({
  ...more,
  headers: { authorization: `Bearer ${token}`, ...more.headers },
});

await show('an open route', '/health');
await show('without a token', '/orders/1');
await show('with a token', '/orders/1', as(ada));
await show('claiming to be eve', '/orders/1', as(ada, { headers: { 'x-user': 'eve' } }));
await show('without the scope', '/orders/1', as(ada, { method: 'POST' }));
await show('the third read', '/orders/1', as(ada));
await show('the fourth read', '/orders/1', as(ada));

await gateway.close();
await Promise.all([issuer.close(), service.close()]);
