// Who serves when nobody chose: uWebSockets.js where it loads, and the data plane itself in every other Node.
import { expect, it, onTestFinished } from 'vitest';
import { createGateway } from '../../src/index.ts';
import { isLoaded } from '../support/listeners.ts';

it('auto serves by the best listener that loads', async () => {
  const gateway = createGateway({ records: false }, { logger: { info() {}, warn() {}, error() {} } });
  onTestFinished(() => gateway.close({ timeoutMs: 0 }));
  gateway.get('/', () => 'served');
  const { url, listener } = await gateway.listen({ port: 0 });
  expect([process.version, listener]).toEqual([process.version, isLoaded('uws') ? 'uws' : 'native']);
  expect(await (await fetch(url)).text()).toBe('served');
});
