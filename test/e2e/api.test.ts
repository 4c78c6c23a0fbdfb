// The TypeScript API of a gateway as an application uses it: verbs, groups, listen, inject, applied, events, close.
import { describe, expect, it, onTestFinished } from 'vitest';
import { createGateway, GatewayError, type Listening } from '../../src/index.ts';
import { adminText, makeGateway, startGateway } from '../support/gateway.ts';
import { servedBy, underTest } from '../support/listeners.ts';
import { freePort } from '../support/services.ts';
import { startUpstream } from '../support/upstream.ts';

const quiet = { info() {}, warn() {}, error() {} };

describe('verbs', () => {
  const verbs = ['get', 'post', 'put', 'patch', 'delete', 'options'] as const;
  it.each(verbs)('%s takes its own method', async (verb) => {
    const { url } = await startGateway({}, (gateway) =>
      gateway[verb]('/it', ({ method }) => `did ${method}`),
    );
    const method = verb.toUpperCase();
    const response = await fetch(`${url}/it`, { method });
    expect(await response.text()).toBe(`did ${method}`);
    const other = method === 'PUT' ? 'DELETE' : 'PUT';
    expect((await fetch(`${url}/it`, { method: other })).status).toBe(405);
  });

  it('head is a route of its own before that of GET', async () => {
    const { url } = await startGateway({}, (gateway) => {
      gateway.get('/it', (context) => context.header('X-From', 'get') && 'x');
      gateway.head('/it', (context) => context.header('X-From', 'head') && undefined);
    });
    expect((await fetch(`${url}/it`, { method: 'HEAD' })).headers.get('x-from')).toBe('head');
    expect((await fetch(`${url}/it`)).headers.get('x-from')).toBe('get');
  });

  it('all takes every method, those of the application too', async () => {
    const { gateway } = makeGateway();
    gateway.all('/it', ({ method }) => method);
    for (const method of ['GET', 'POST', 'PROPFIND', 'X-OWN'])
      expect(await (await gateway.inject({ method, url: '/it' })).text()).toBe(method);
  });

  it('a route without a handler is forwarded', async () => {
    const upstream = await startUpstream();
    const config = { upstreams: { back: { targets: [upstream.url] } } };
    const { url } = await startGateway(config, (gateway) => {
      gateway.get('/a', { upstream: 'back' }).route({ match: { path: '/b' }, upstream: 'back' });
    });
    expect(await (await fetch(`${url}/a`)).json()).toMatchObject({ url: '/a' });
    expect(await (await fetch(`${url}/b`, { method: 'POST', body: 'x' })).json()).toMatchObject({
      body: 'x',
    });
  });
});

describe('groups', () => {
  it('put their prefix before the paths, parameters included, at every depth', async () => {
    const { gateway } = makeGateway();
    gateway.group('/api/:version', (api) => {
      api.group('/users', (users) => {
        users.get('/:id', ({ params }) => `${params.version}/${params.id}`);
      });
    });
    expect(await (await gateway.inject('/api/v2/users/7')).text()).toBe('v2/7');
  });

  it('append limits, replace jwt and cors whole, and can be left by false', async () => {
    const { gateway } = makeGateway({
      issuers: { main: { issuer: 'https://id.test', audience: false, jwks: 'http://127.0.0.1:9/none' } },
      limits: { outer: { rate: 5, per: '1m' }, inner: { rate: 3, per: '1m' } },
    });
    gateway.group(
      '/g',
      { jwt: 'main', limits: ['outer'], cors: { origins: ['https://a.test'] } },
      (group) => {
        group.get('/both', { limits: ['inner'] }, () => 'x');
        group.get('/open', { jwt: false, cors: false, limits: ['inner'] }, () => 'x');
      },
    );
    const routes = gateway.routes();
    expect(routes.map((route) => route.limits)).toEqual([
      ['outer', 'inner'],
      ['outer', 'inner'],
    ]);
    expect(routes.map((route) => route.issuers ?? null)).toEqual([['main'], null]);
    const open = await gateway.inject({ url: '/g/open', headers: { origin: 'https://a.test' } });
    expect(open.headers.get('ratelimit')).toMatch(/^"outer";r=4;t=\d+, "inner";r=2;t=\d+$/);
    expect(open.headers.get('access-control-allow-origin')).toBeNull();
    const both = await gateway.inject({ url: '/g/both', headers: { origin: 'https://a.test' } });
    expect(both.status).toBe(401);
    expect(both.headers.get('access-control-allow-origin')).toBe('https://a.test');
  });
});

describe('registration', () => {
  it('reports at once what is wrong, with path, expected and received', () => {
    const { gateway } = makeGateway();
    const wrong = (): unknown => gateway.get('/a', { timeout: '5 parsecs' }, () => 'x');
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_FG_CONFIG_INVALID' }));
    expect(wrong).toThrow(/timeout.*5 parsecs/);
    expect(gateway.routes()).toEqual([]);
  });

  it('reports at once a conflict, naming the other route, and keeps what was there', async () => {
    const { gateway } = makeGateway();
    gateway.get('/orders/:id', { id: 'first' }, () => 'first');
    const add = (): unknown => gateway.get('/orders/:name', { id: 'second' }, () => 'second');
    expect(add).toThrow(expect.objectContaining({ code: 'ERR_FG_ROUTE_CONFLICT' }));
    expect(add).toThrow(/first/);
    expect(await (await gateway.inject('/orders/1')).text()).toBe('first');
  });

  it('warns of a route that can never be reached, naming the winner', () => {
    const { gateway, lines } = makeGateway();
    gateway.get('/a/:x', { id: 'winner' }, () => 'x');
    gateway.get('/a/:y(.*)', { id: 'regex' }, () => 'y');
    gateway.route({ match: { path: '/a/*rest', methods: ['GET'] }, id: 'rest', handler: () => 'z' });
    const warnings = lines.filter((line) => line.level === 'warn').map((line) => line.message);
    expect(warnings.join('\n')).toMatch(/winner|regex/);
  });

  it('publishes once per turn; applied gives the generation in which routes are live', async () => {
    const { gateway } = makeGateway();
    const first = await gateway.applied();
    for (let at = 0; at < 100; at += 1) gateway.get(`/r${at}`, () => `r${at}`);
    expect(await gateway.applied()).toBe(first + 1);
    expect(await gateway.applied()).toBe(first + 1);
    expect(await (await gateway.inject('/r99')).text()).toBe('r99');
  });

  it('makes 10,000 routes live that are registered one by one after listen', async () => {
    const { gateway, url } = await startGateway();
    const started = performance.now();
    for (let at = 0; at < 10_000; at += 1) {
      gateway.get(`/shop/${at % 100}/item${at}/:id`, { id: `r${at}` }, ({ params }) => `${at}:${params.id}`);
    }
    await gateway.applied();
    console.log(`10,000 routes registered and live in ${Math.round(performance.now() - started)} ms`);
    for (const at of [0, 1, 4_999, 9_999])
      expect(await (await fetch(`${url}/shop/${at % 100}/item${at}/x`)).text()).toBe(`${at}:x`);
    expect(gateway.routes()).toHaveLength(10_000);
  });
});

describe('listen', () => {
  it('tells where, and emits listening', async () => {
    const gateway = createGateway({ admin: { port: 0 } }, { logger: quiet });
    onTestFinished(() => gateway.close());
    const heard = new Promise<Listening>((resolve) => gateway.once('listening', resolve));
    const listening = await gateway.listen({ port: 0, ...underTest });
    expect(listening).toEqual({
      url: `http://127.0.0.1:${listening.port}`,
      host: '127.0.0.1',
      port: listening.port,
      adminUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      listener: servedBy,
      listenerReason: 'asked for by name',
    });
    expect(await heard).toEqual(listening);
    expect((await fetch(listening.url)).status).toBe(404);
  });

  it('has no admin listener in code unless asked for one', async () => {
    const gateway = createGateway({ listen: { port: 0 } }, { logger: quiet });
    onTestFinished(() => gateway.close());
    expect(await gateway.listen(underTest)).not.toHaveProperty('adminUrl');
  });

  it('listens on IPv6, written in brackets', async () => {
    const gateway = createGateway({}, { logger: quiet });
    onTestFinished(() => gateway.close());
    gateway.get('/', ({ ip }) => ip);
    const { url, host } = await gateway.listen({ host: '::1', port: 0, ...underTest });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(host).toBe('::1');
    expect(await (await fetch(url)).text()).toBe('::1');
  });

  it('twice is ERR_FG_ALREADY_LISTENING, also while the first is under way', async () => {
    const gateway = createGateway({}, { logger: quiet });
    onTestFinished(() => gateway.close());
    const first = gateway.listen({ port: 0, ...underTest });
    await expect(gateway.listen({ port: 0, ...underTest })).rejects.toMatchObject({
      code: 'ERR_FG_ALREADY_LISTENING',
    });
    const { url } = await first;
    await expect(gateway.listen({ port: 0, ...underTest })).rejects.toMatchObject({
      code: 'ERR_FG_ALREADY_LISTENING',
    });
    expect((await fetch(url)).status).toBe(404);
  });

  it('on an occupied port is ERR_FG_ADDRESS_IN_USE and can be tried again', async () => {
    const { port } = await startGateway();
    const gateway = createGateway({}, { logger: quiet });
    onTestFinished(() => gateway.close());
    await expect(gateway.listen({ port, ...underTest })).rejects.toMatchObject({
      code: 'ERR_FG_ADDRESS_IN_USE',
    });
    const { url } = await gateway.listen({ port: 0, ...underTest });
    expect((await fetch(url)).status).toBe(404);
  });

  it('on an occupied admin port opens nothing', async () => {
    const { listening } = await startGateway();
    const adminPort = Number(new URL(listening.adminUrl ?? '').port);
    const gateway = createGateway({}, { logger: quiet });
    onTestFinished(() => gateway.close());
    const port = await freePort();
    await expect(gateway.listen({ port, admin: { port: adminPort }, ...underTest })).rejects.toMatchObject({
      code: 'ERR_FG_ADDRESS_IN_USE',
    });
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it('two gateways in one process keep apart', async () => {
    const config = { limits: { one: { rate: 1, per: '1h' } } };
    const register = (name: string) => (gateway: ReturnType<typeof createGateway>) =>
      void gateway.get('/', { limits: ['one'] }, () => name);
    const a = await startGateway(config, register('a'));
    const b = await startGateway(config, register('b'));
    expect(await (await fetch(a.url)).text()).toBe('a');
    expect(await (await fetch(b.url)).text()).toBe('b');
    expect((await fetch(a.url)).status).toBe(429);
    expect((await fetch(b.url)).status).toBe(429);
    await a.gateway.close();
    expect((await fetch(b.url)).status).toBe(429);
    expect(await adminText(b.gateway, '/livez')).toBe('ok\n');
  });
});

describe('reload', () => {
  const upstreams = { back: { targets: ['http://127.0.0.1:9'] } };
  const file = (path: string) => ({ upstreams, routes: [{ id: 'file', match: { path }, upstream: 'back' }] });

  it('replaces the routes of the configuration, keeps those of code, tells the generation, and emits reload', async () => {
    const { gateway } = makeGateway(file('/old'));
    gateway.get('/code', { id: 'code' }, () => 'code');
    const before = await gateway.applied();
    const heard = new Promise<{ generation: number }>((resolve) => gateway.once('reload', resolve));
    const generation = await gateway.reload(file('/new'));
    expect(generation).toBeGreaterThan(before);
    expect(await heard).toMatchObject({ generation });
    expect(await gateway.applied()).toBe(generation);
    expect(gateway.routes().map(({ path }) => path)).toEqual(['/new', '/code']);
    const status = async (url: string): Promise<number> => (await gateway.inject(url)).status;
    expect([await status('/old'), await status('/new'), await status('/code')]).toEqual([404, 502, 200]);
  });

  it.each([
    ['conflicts with a route of code', file('/code'), 'ERR_FG_ROUTE_CONFLICT'],
    ['lacks what a route of code uses', {}, 'ERR_FG_CONFIG_INVALID'],
    ['is no configuration', { upstreams: 7 }, 'ERR_FG_CONFIG_INVALID'],
  ])('that %s is refused and changes nothing', async (_, config, code) => {
    const { gateway } = makeGateway(file('/old'));
    gateway.all('/code', { id: 'code' }, () => 'code').get('/up', { upstream: 'back' });
    const before = await gateway.applied();
    await expect(gateway.reload(config as never)).rejects.toMatchObject({ code });
    expect(await gateway.applied()).toBe(before);
    const status = async (url: string): Promise<number> => (await gateway.inject(url)).status;
    expect([await status('/old'), await status('/up'), await status('/code')]).toEqual([502, 502, 200]);
  });
});

describe('after close', () => {
  it('everything is ERR_FG_CLOSED, close is one promise, and the event came once', async () => {
    const { gateway } = makeGateway();
    let closed = 0;
    gateway.on('close', () => {
      closed += 1;
    });
    await gateway.inject('/');
    const closing = gateway.close();
    expect(gateway.close()).toBe(closing);
    await closing;
    expect(closed).toBe(1);
    const code = { code: 'ERR_FG_CLOSED' };
    await expect(gateway.listen(underTest)).rejects.toMatchObject(code);
    await expect(gateway.inject('/')).rejects.toMatchObject(code);
    await expect(gateway.reload({})).rejects.toMatchObject(code);
    await expect(gateway.applied()).rejects.toMatchObject(code);
    expect(() => gateway.get('/', () => 'x')).toThrow(GatewayError);
    expect(gateway.ready()).toEqual({ ready: false, reasons: [expect.any(String)] });
  });

  it('asyncDispose closes', async () => {
    const gateway = createGateway({}, { logger: quiet });
    await gateway[Symbol.asyncDispose]();
    await expect(gateway.inject('/')).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
  });

  it('the port is free again', async () => {
    const { gateway, port } = await startGateway();
    await gateway.close();
    const next = createGateway({}, { logger: quiet });
    onTestFinished(() => next.close());
    expect((await next.listen({ port, ...underTest })).port).toBe(port);
  });
});
