// Keys that no URL serves: a function loads them, from a key management service for instance, and rotation just works.
// Run it: node examples/key-loader.mjs
import { createGateway } from 'ferrogate';
import { createSigner } from './support/issuer.mjs';
import { untilReady } from './support/ready.mjs';

// In place of the service that holds the private keys: it tells the public ones to who may ask.
let signers = [await createSigner('2026-01')];
let calls = 0;
const publicKeys = async () => {
  calls += 1;
  return signers.map(({ jwk }) => jwk);
};

const gateway = createGateway({
  records: false, // else a line of JSON for every request, on standard error
  issuers: {
    main: {
      issuer: 'https://id.example',
      audience: ['orders'],
      // Called before the keys age out (`refreshInterval`), and when a token names a key that is not known. `signal` is
      // aborted when `fetchTimeout` is over. When it throws, the last good keys stay, for `maxStale` at most.
      jwks: { load: async ({ signal }) => ({ keys: await publicKeys({ signal }) }) },
      refreshInterval: '5m',
      maxStale: '6h',
    },
  },
});
gateway.get('/me', { jwt: 'main' }, ({ claims }) => ({ sub: claims?.sub }));
await gateway.listen({ host: '127.0.0.1', port: 0 });
await untilReady(gateway);

const ask = async (signer) => {
  const token = await signer.token({ iss: 'https://id.example', aud: 'orders', sub: 'ada' });
  const headers = { authorization: `Bearer ${token}` };
  return (await gateway.inject({ method: 'GET', url: '/me', headers })).status;
};

const [first] = signers;
console.log('a token of 2026-01:', await ask(first), 'calls:', calls);

// Rotation: the new key is there before tokens name it, and the old one stays until its last token has expired.
const second = await createSigner('2026-02');
signers = [first, second];
console.log('a token of 2026-02:', await ask(second), 'calls:', calls);
console.log('a token of 2026-01:', await ask(first), 'calls:', calls);

const stranger = await createSigner('stranger');
console.log('a token of nobody:', await ask(stranger), 'calls:', calls);

await gateway.close();
