// The servers behind `--demo`, without a gateway in front.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { type Demo, startDemo } from '../../src/demo/demo.ts';

let demo: Demo;
beforeEach(async () => {
  demo = await startDemo();
});
afterEach(() => demo.close());

const upstream = (): string => String(demo.config.upstreams?.['demo']?.targets[0]);

describe('the demo', () => {
  it('has a configuration in which nothing is wrong', () => {
    const { routes } = parseConfig(demo.config);
    expect(routes.map(({ id }) => id)).toEqual(['status', 'echo', 'slow', 'order', 'limited']);
  });

  it('prints a token that its own issuer signed for its own route', async () => {
    const token = /Bearer (\S+)'/.exec(demo.lines('http://gateway').join('\n'))?.[1] ?? '';
    const { issuer, audience, jwks } = demo.config.issuers?.['demo'] ?? {};
    const keys = createRemoteJWKSet(new URL(String(jwks)));
    const { payload } = await jwtVerify(token, keys, {
      issuer: String(issuer),
      audience: audience as string[],
    });
    expect(payload).toMatchObject({ sub: 'ada', scope: 'read:orders' });
  });

  it('adds a handler route', () => {
    const answers: object[] = [];
    const get = (_: string, __: object, handler: (context: object) => object): void => {
      answers.push(handler({ params: { name: 'you' }, traceId: 'abc' }));
    };
    demo.register({ get } as unknown as Parameters<Demo['register']>[0]);
    expect(answers).toEqual([{ hello: 'you', traceId: 'abc' }]);
  });
});

describe('its upstream', () => {
  it.each([
    ['/orders/7', 200, { id: 7, item: 'anvil', quantity: 3 }],
    ['/orders/seven', 404, { message: 'the demo upstream has no such page' }],
    ['/status', 200, { status: 'up' }],
    ['/limited?3', 200, { message: 'one of your five' }],
  ])('answers %s with %d', async (path, status, body) => {
    const response = await fetch(upstream() + path);
    expect([response.status, await response.json()]).toEqual([status, body]);
  });

  it('echoes a request', async () => {
    const response = await fetch(`${upstream()}/echo?a=1`, {
      method: 'PUT',
      body: 'hello',
      headers: { 'x-a': 'b' },
    });
    expect(await response.json()).toMatchObject({
      method: 'PUT',
      url: '/echo?a=1',
      headers: { 'x-a': 'b' },
      body: 'hello',
    });
  });

  it('streams lines', async () => {
    const response = await fetch(`${upstream()}/slow`);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toBe('line 1 of 10\n');
    await reader?.cancel();
  });
});
