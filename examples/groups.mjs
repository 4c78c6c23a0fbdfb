// Routes that share a prefix and policies: written once for the group, changed where one route differs.
// Run it: node examples/groups.mjs
import { createGateway } from 'ferrogate';
import { startIssuer } from './support/issuer.mjs';
import { untilReady } from './support/ready.mjs';

const issuer = await startIssuer();
const gateway = createGateway({
  records: false, // else a line of JSON for every request, on standard error
  issuers: { main: { issuer: issuer.url, audience: ['orders'], jwks: issuer.jwksUrl } },
  limits: {
    api: { rate: 100, per: '1s', key: 'client' },
    search: { rate: 1, per: '1m', key: 'client' },
  },
});

// Limits of a group and of its routes add up; a `jwt` of a route takes the place of the group's, `false` opts out.
gateway.group('/api', { jwt: 'main', limits: ['api'] }, (api) => {
  api.get('/health', { jwt: false }, () => 'ok');
  api.get('/me', ({ claims }) => ({ sub: claims?.sub }));
  api.get('/search', { limits: ['search'] }, () => []);
  api.group('/admin', { jwt: { issuer: 'main', scopes: ['admin'] } }, (admin) => {
    admin.get('/users/:id', ({ params }) => ({ id: params.id }));
  });
});

await gateway.listen({ host: '127.0.0.1', port: 0 });
await untilReady(gateway);

// `inject` is a request without a socket: the same decisions, for tests and scripts.
const ask = async (path, token) => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await gateway.inject({ method: 'GET', url: path, headers });
  console.log(path, response.status);
};
const user = await issuer.token({ sub: 'ada' });
const admin = await issuer.token({ sub: 'root', scope: 'admin' });

await ask('/api/health');
await ask('/api/me');
await ask('/api/me', user);
await ask('/api/search', user);
await ask('/api/search', user);
await ask('/api/admin/users/7', user);
await ask('/api/admin/users/7', admin);

await gateway.close();
await issuer.close();
