// A request whose whole body came while it waited for a key is handed to its handler with that body, whatever its length.
import { expect, it } from 'vitest';
import { metric, startGateway } from '../support/gateway.ts';
import { signingKey, startIssuer } from '../support/issuer.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';

it.each([0, 1, 1_000, 300_000])('a parked body of %i bytes reaches its handler', async (size) => {
  const issuer = await startIssuer();
  const { gateway, port } = await startGateway(
    { issuers: { main: { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl } } },
    (made) => made.post('/', { jwt: 'main' }, async ({ body }) => String((await body.bytes()).length)),
  );
  await until('keys', () => gateway.ready().ready);
  const next = signingKey('next');
  issuer.keys = [next];
  const open = gate();
  const { answer } = issuer;
  issuer.answer = (request, response) => void open.opened.then(() => answer(request, response));
  const client = await RawClient.connect(port);
  const lines = [`Authorization: Bearer ${issuer.token({}, { key: next })}`, `Content-Length: ${size}`];
  client.send(requestText('POST', '/', lines, 'x'.repeat(size)));
  await until('it to wait', async () => (await metric(gateway, 'ferrogate_parked_requests')) === 1);
  open.open();
  expect((await client.answer()).body.toString()).toBe(String(size));
});
