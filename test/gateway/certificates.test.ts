// Certificates of the listener cross to the data plane, which names what is wrong with a pair and keeps what it has.
import { expect, test } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { gatewayOf } from './support.ts';

const authority = createAuthority();
const [a, b] = [authority.issue('DNS:a.test'), authority.issue('DNS:b.test')];
const tls = (certificate: string, key: string) => ({
  tls: {
    certificates: [{ certificate, key }],
    serverNames: { 'a.test': { clientAuth: { mode: 'optional' as const, ca: authority.ca } } },
  },
});
const mismatch = 'listen.tls.certificates[0].key: does not belong to the certificate of a.test';

test('a key of another certificate is refused at the start', async () => {
  const { gateway } = gatewayOf({ listen: tls(a.cert, b.key) });
  await expect(gateway.applied()).rejects.toMatchObject({
    code: 'ERR_FG_CONFIG_INVALID',
    message: mismatch,
  });
});

test('and changes nothing later', async () => {
  const { gateway } = gatewayOf({ listen: tls(a.cert, a.key) });
  gateway.get('/a', { clientCertificate: { headers: { 'x-client': 'subject' } } }, () => 'a');
  expect(await gateway.applied()).toBe(1);
  await expect(gateway.reload({ listen: tls(a.cert, b.key) })).rejects.toThrow(mismatch);
  await expect(gateway.reload({})).rejects.toThrow(
    'routes["GET /a"].clientCertificate: expected nothing unless "listen.tls" has a "clientAuth", received an object',
  );
  expect(await gateway.reload({ listen: tls(b.cert, b.key) })).toBe(2);
});
