import { expect, it, vi } from 'vitest';
import { createGateway } from '../../src/index.ts';

vi.mock('uWebSockets.js', () => {
  throw new Error('not installed');
});

it('listen without uWebSockets.js says which line adds it, and inject goes on', async () => {
  const gateway = createGateway({ records: false, listen: { port: 0 } });
  gateway.get('/x', () => 'x');
  const failure = gateway.listen();
  await expect(failure).rejects.toMatchObject({ code: 'ERR_FG_LISTENER_UNAVAILABLE' });
  await expect(failure).rejects.toThrow('npm install uWebSockets.js@npm:uws-pack@20.0.8');
  expect(await (await gateway.inject('/x')).text()).toBe('x');
  await gateway.close();
});
