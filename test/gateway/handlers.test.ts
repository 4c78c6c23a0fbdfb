// The module of handlers: what it registers, in how many environments, and what is wrong with one that does not fit.
import { describe, expect, it } from 'vitest';
import type { GatewayError } from '../../src/index.ts';
import { handlerModule } from '../support/handler-modules.ts';
import { gatewayOf, text } from './support.ts';

const failure = (attempt: Promise<unknown>): Promise<GatewayError> =>
  attempt.then(
    () => Promise.reject(new Error('expected a failure')),
    (error: GatewayError) => error,
  );
const only = { listen: { handlers: handlerModule('late') } };

describe('with one environment', () => {
  it('its routes are registered when the gateway starts, beside those of code', async () => {
    const { gateway } = gatewayOf(only);
    gateway.get('/code', () => 'code');
    expect([await text(gateway, '/early'), await text(gateway, '/code')]).toEqual(['early', 'code']);
    expect(gateway.routes().map(({ id }) => id)).toEqual(['GET /code', 'GET /early']);
  });

  it('registers nothing later', async () => {
    const { gateway } = gatewayOf(only);
    await gateway.inject('/early');
    const { registerLate } = (await import(handlerModule('late'))) as { registerLate: () => void };
    expect(registerLate).toThrow(
      'listen.handlers: routes can be registered only while the default export runs',
    );
  });

  it.each([
    ['failing', 'listen.handlers: no database here'],
    ['none', 'none.mjs has no function as its default export'],
    ['missing', 'missing.mjs'],
  ])('that is %s rejects the start', async (name, message) => {
    const { gateway } = gatewayOf({ listen: { handlers: handlerModule(name) } });
    for (const attempt of [gateway.inject('/'), gateway.listen()]) {
      const error = await failure(attempt);
      expect([error.code, error.message]).toEqual([
        'ERR_FG_CONFIG_INVALID',
        expect.stringContaining(message),
      ]);
    }
  });

  it('a route that conflicts with one of code rejects the start and adds none', async () => {
    const { gateway } = gatewayOf(only);
    gateway.get('/early', { id: 'mine' }, () => 'mine');
    expect((await failure(gateway.listen())).code).toBe('ERR_FG_ROUTE_CONFLICT');
    expect(gateway.routes().map(({ id }) => id)).toEqual(['mine']);
  });
});

describe('with workers', () => {
  const workers = { listen: { handlers: handlerModule('late'), workers: 2 } };
  const inline =
    'its handler must be registered by the module of "listen.handlers", as there are several workers';

  it('a function of this environment alone is refused, by the id of its route', () => {
    const { gateway } = gatewayOf(workers);
    expect(() => gateway.get('/mine', () => 'mine')).toThrow(`route "GET /mine": ${inline}`);
    expect(gateway.routes()).toEqual([]);
  });

  it('also when only listen asks for them', async () => {
    const { gateway } = gatewayOf(only);
    gateway.get('/mine', { id: 'mine' }, () => 'mine').get('/other', { id: 'other' }, () => 'other');
    expect(await text(gateway, '/mine')).toBe('mine');
    const { issues } = await failure(gateway.listen({ workers: 2 }));
    expect(issues?.map(({ path }) => path)).toEqual(['route "mine"', 'route "other"']);
    expect((await gateway.listen()).port).toBeGreaterThan(0);
  });

  it('listen without a module is refused', async () => {
    const error = await failure(gatewayOf().gateway.listen({ workers: 2 }));
    expect(error.message).toMatch(/^listen\.handlers: expected the path of a module/);
  });

  it.each([
    ['only-main', 'route "some" has no handler in worker 1'],
    ['only-worker', 'route "some" of worker 1 has no handler in the main environment'],
    ['failing', 'no database here'],
  ])('%s is refused and nothing is applied', async (name, message) => {
    const { gateway } = gatewayOf({ listen: { handlers: handlerModule(name), workers: 2 } });
    const error = await failure(gateway.listen({ listener: 'native' }));
    expect([error.code, error.message]).toEqual([
      'ERR_FG_CONFIG_INVALID',
      expect.stringMatching(new RegExp(`^listen\\.handlers: .*${message}$`)),
    ]);
    expect(gateway.routes()).toEqual([]);
    const at = { ...(await failure(gateway.inject('/both'))) };
    expect(at.code).toBe('ERR_FG_CONFIG_INVALID');
  });

  it('native serves, and uWebSockets.js is refused', async () => {
    const { gateway } = gatewayOf(workers);
    const error = await failure(gateway.listen({ listener: 'uws' }));
    expect(error.issues?.[0]?.path).toBe('listen.workers');
    expect(await gateway.listen()).toMatchObject({
      listener: 'native',
      listenerReason: 'only the native listener has listen.workers',
    });
    expect(() => gatewayOf({ listen: { ...workers.listen, listener: 'uws' } })).toThrow(
      /^listen\.workers: only the native listener has this/,
    );
  });
});
