import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/index.ts';
import { underTest } from '../support/listeners.ts';
import { gatewayOf, text, upstream } from './support.ts';

describe('verbs', () => {
  it.each(['get', 'post', 'put', 'patch', 'delete', 'options'] as const)(
    '%s takes its method only',
    async (verb) => {
      const { gateway } = gatewayOf();
      gateway[verb]('/x', () => verb);
      expect(await text(gateway, '/x', verb.toUpperCase())).toBe(verb);
      const other = await gateway.inject({ url: '/x', method: verb === 'put' ? 'POST' : 'PUT' });
      expect(other.status).toBe(405);
      expect(other.headers.get('allow')).toContain(verb.toUpperCase());
    },
  );

  it('all takes every method', async () => {
    const { gateway } = gatewayOf();
    gateway.all('/x', ({ method }) => method);
    expect(await text(gateway, '/x', 'DELETE')).toBe('DELETE');
    expect(await text(gateway, '/x', 'PURGE')).toBe('PURGE');
  });

  it('get answers HEAD, without the body', async () => {
    const { gateway } = gatewayOf();
    gateway.get('/x', () => 'four');
    const response = await gateway.inject({ url: '/x', method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('4');
    expect(await response.text()).toBe('');
  });

  it('goes to an upstream without a handler', async () => {
    const target = await upstream((request, response) => response.end(`up ${request.url}`));
    const { gateway } = gatewayOf({ upstreams: { up: { targets: [target] } } });
    gateway.get('/x', { upstream: 'up', rewrite: { addPrefix: '/base' } });
    expect(await text(gateway, '/x?q')).toBe('up /base/x?q');
  });

  it('give params decoded once, and match canonical paths', async () => {
    const { gateway } = gatewayOf();
    gateway.get('/a/:one(\\d+)/*rest', ({ params, path }) => ({ ...params, path }));
    const response = await gateway.inject('/b/../a/%31/x%20y/%2561');
    expect(await response.json()).toEqual({ one: '1', rest: 'x y/%61', path: '/a/1/x%20y/%2561' });
    expect((await gateway.inject('/a/b/c')).status).toBe(404);
  });
});

describe('route', () => {
  it('takes what a file takes, and a handler', async () => {
    const { gateway } = gatewayOf();
    gateway.route({
      id: 'own',
      match: { path: '/x', methods: ['GET'], host: 'a.example' },
      handler: ({ route }) => route,
    });
    expect(await (await gateway.inject({ url: '/x', headers: { host: 'A.example:80' } })).text()).toBe('own');
    expect((await gateway.inject('/x')).status).toBe(404);
    expect(gateway.routes()).toEqual([
      { id: 'own', path: '/x', methods: ['GET'], hosts: ['a.example'], limits: [] },
    ]);
  });
});

describe('a wrong registration throws at once and changes nothing', () => {
  it.each([
    ['a path without a slash', (g) => g.get('x', () => ''), 'ERR_FG_CONFIG_INVALID', /path/],
    ['a bad pattern', (g) => g.get('/:id(', () => ''), 'ERR_FG_CONFIG_INVALID', /GET \/:id\(/],
    [
      'an unknown limit',
      (g) => g.get('/y', { limits: ['nope'] }, () => ''),
      'ERR_FG_CONFIG_INVALID',
      /limits/,
    ],
    ['neither handler nor upstream', (g) => g.get('/y', {}), 'ERR_FG_CONFIG_INVALID', /upstream/],
    [
      'a handler and an upstream',
      (g) => g.get('/y', { upstream: 'up' }, () => ''),
      'ERR_FG_CONFIG_INVALID',
      /upstream/,
    ],
    ['a route that another takes', (g) => g.get('/taken/:other', () => ''), 'ERR_FG_ROUTE_CONFLICT', /first/],
    [
      'an id that another has',
      (g) => g.get('/y', { id: 'first' }, () => ''),
      'ERR_FG_CONFIG_INVALID',
      /first/,
    ],
  ] as [string, (g: ReturnType<typeof gatewayOf>['gateway']) => unknown, string, RegExp][])(
    '%s',
    async (_, register, code, message) => {
      const { gateway } = gatewayOf({ upstreams: { up: { targets: ['http://127.0.0.1:9'] } } });
      gateway.get('/taken/:id', { id: 'first' }, () => 'first');
      let thrown: unknown;
      try {
        register(gateway);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(GatewayError);
      expect(thrown).toMatchObject({ code });
      expect((thrown as GatewayError).message).toMatch(message);
      await gateway.applied();
      expect(gateway.routes()).toHaveLength(1);
      expect(await text(gateway, '/taken/1')).toBe('first');
    },
  );
});

describe('groups', () => {
  it('add their prefix and policies', async () => {
    const { gateway } = gatewayOf({
      issuers: {
        main: { issuer: 'https://id.example', audience: false, jwks: 'http://127.0.0.1:9/jwks.json' },
      },
      limits: {
        outer: { rate: 100, per: '1s', key: 'client' },
        inner: { rate: 100, per: '1s', key: 'client' },
        own: { rate: 100, per: '1s', key: 'client' },
      },
    });
    gateway.group('/api', { limits: ['outer'], jwt: 'main', host: 'a.example' }, (api) => {
      api.get('/closed', () => 'closed');
      api.group('/v1/:tenant', { limits: ['inner'], jwt: false }, (v1) => {
        v1.get('/open/:id', { limits: ['own'] }, ({ params }) => params);
      });
    });
    expect(
      gateway.routes().map(({ path, limits, issuers, hosts }) => ({ path, limits, issuers, hosts })),
    ).toEqual([
      { path: '/api/closed', limits: ['outer'], issuers: ['main'], hosts: ['a.example'] },
      {
        path: '/api/v1/:tenant/open/:id',
        limits: ['outer', 'inner', 'own'],
        issuers: undefined,
        hosts: ['a.example'],
      },
    ]);
    const response = await gateway.inject('http://a.example/api/v1/acme/open/7');
    expect(await response.json()).toEqual({ tenant: 'acme', id: '7' });
    expect(response.headers.get('ratelimit')).toContain('"own"');
  });

  it.each(['api', '/api/', '/', ''])('refuse the prefix "%s"', (prefix) => {
    const { gateway } = gatewayOf();
    expect(() => gateway.group(prefix, () => {})).toThrow(TypeError);
  });
});

describe('registered routes', () => {
  it('are live together one turn later', async () => {
    const { gateway } = gatewayOf();
    const first = await gateway.applied();
    gateway.get('/a', () => 'a');
    gateway.get('/b', () => 'b');
    expect(await gateway.applied()).toBe(first + 1);
    expect(await gateway.applied()).toBe(first + 1);
    expect(await text(gateway, '/a')).toBe('a');
  });

  it('are live for an inject in the same turn', async () => {
    const { gateway } = gatewayOf();
    expect((await gateway.inject('/a')).status).toBe(404);
    gateway.get('/a', () => 'a');
    expect(await text(gateway, '/a')).toBe('a');
  });

  it('warn when they can never be reached', () => {
    const { gateway, logs } = gatewayOf();
    gateway.get('/a/:id([0-9]+)', () => '');
    gateway.all('/a/*rest', () => '');
    expect(logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('are compiled once and live when 10,000 come one by one while it listens', async () => {
    const { gateway } = gatewayOf();
    const { url } = await gateway.listen(underTest);
    const before = await gateway.applied();
    for (let index = 0; index < 10_000; index += 1) gateway.get(`/r${index}/:id`, ({ params }) => params.id);
    expect(await gateway.applied()).toBe(before + 1);
    expect(await (await fetch(`${url}/r9999/x`)).text()).toBe('x');
  });
});
