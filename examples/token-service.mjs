// A gateway that issues tokens itself: login, refresh with rotation, a stolen refresh token, devices, logout, a new signing key.
// Run it: node examples/token-service.mjs
import { generateKeyPairSync } from 'node:crypto';
import { createGateway } from 'ferrogate';
import { createClientSecret, createTokenService, memoryStore } from 'ferrogate/auth';

const issuer = 'https://id.example';
const robot = createClientSecret(); // `secret` is shown to its owner once, `hash` is kept

const service = createTokenService({
  issuer,
  audience: 'orders',
  signer: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, // yours: a PEM, a JWK, or vaultTransitSigner
  store: memoryStore(), // a fleet: redisStore('redis://127.0.0.1:6379')
  clients: [
    { id: 'web' },
    { id: 'robot', secrets: [robot.hash], grants: ['client_credentials'], scope: 'read' },
  ],
  publishAhead: '0s', // so that the last step need not wait; leave it out in production
});

const limits = { logins: { rate: 5, per: '1m', key: 'client' } };
const gateway = createGateway({ limits });
// POST /auth/token, /auth/refresh, /auth/revoke, /auth/introspect and GET /auth/jwks.json.
service.register(gateway, '/auth');
// Who somebody is remains your business: after that, `issue` begins a session.
gateway.post('/login', { limits: ['logins'] }, async (request) => {
  const { name, password } = await request.body.json();
  if (password !== 'correct') return request.status(401) && { error: 'wrong name or password' };
  const device = request.headers.get('user-agent') ?? 'unknown';
  const tokens = await service.issue({ subject: name, client: 'web', scope: 'read', device, ip: request.ip });
  return service.answer(request, tokens);
});

// The same gateway verifies them, by the set that it publishes. (Its port is known only now; yours stands in the configuration.)
const { url } = await gateway.listen({ host: '127.0.0.1', port: 0 });
const own = { issuer, audience: ['orders'], jwks: `${url}/auth/jwks.json`, refreshCooldown: '1s' };
await gateway.reload({ limits, issuers: { own } });
gateway.get(
  '/orders',
  { jwt: { issuer: 'own', scopes: ['read'] } },
  ({ claims }) => `orders of ${claims.sub}`,
);
gateway.get('/devices', { jwt: 'own' }, ({ claims }) => service.sessions(claims.sub));
gateway.delete('/devices/:id', { jwt: 'own' }, ({ claims, params }) =>
  service.logout(params.id, { subject: claims.sub }).then((ended) => ({ ended })),
);
await gateway.applied();

const post = async (path, body, type) => {
  const headers = { 'user-agent': 'example', ...(type === undefined ? {} : { 'content-type': type }) };
  const response = await fetch(url + path, { method: 'POST', headers, body });
  return { status: response.status, ...(await response.json()) };
};
const form = (values) => new URLSearchParams({ client_id: 'web', ...values });
const ask = async (path, token, method = 'GET') => {
  const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${token}` } });
  return `${response.status} ${await response.text()}`;
};

const first = await post('/login', '{"name":"ada","password":"correct"}');
console.log('login:', first.status, first.token_type, first.expires_in);
console.log('orders:', await ask('/orders', first.access_token));

const second = await post('/auth/refresh', form({ refresh_token: first.refresh_token }));
console.log('refresh:', second.status, 'another token:', second.refresh_token !== first.refresh_token);

const phone = await post('/login', '{"name":"ada","password":"correct"}');
const devices = JSON.parse((await ask('/devices', phone.access_token)).slice(4));
console.log('devices:', devices.map(({ device }) => device).join(', '));

// A refresh token is good once. Whoever uses it again is a thief, or the owner after one: the session ends for both.
const stolen = await post('/auth/refresh', form({ refresh_token: first.refresh_token }));
console.log('a spent token:', stolen.status, stolen.error);
const owner = await post('/auth/refresh', form({ refresh_token: second.refresh_token }));
console.log('its session:', owner.status, owner.error);

console.log('logout:', await ask(`/devices/${phone.session_id}`, phone.access_token, 'DELETE'));
const gone = await post('/auth/refresh', form({ refresh_token: phone.refresh_token }));
console.log('after it:', gone.status, gone.error);

const machine = { client_id: 'robot', client_secret: robot.secret, grant_type: 'client_credentials' };
const { access_token: token } = await post('/auth/token', form(machine));
console.log('a machine:', await ask('/orders', token));

await service.rotateKey();
const { access_token: later } = await post('/auth/token', form(machine));
console.log('keys:', (await service.keys()).map(({ state }) => state).join(', '));
console.log('by the new key:', await ask('/orders', later));

await gateway.close();
await service.close();
