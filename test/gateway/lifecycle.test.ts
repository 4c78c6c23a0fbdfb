import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createGateway, type GatewayConfig } from '../../src/index.ts';
import { byteClient, eventually } from '../listener/client.ts';
import { servedBy, underTest } from '../support/listeners.ts';
import { forwarding, gatewayOf, text, upstream } from './support.ts';

describe('listen', () => {
  it('says where, serves, and emits', async () => {
    const { gateway } = gatewayOf({ admin: { port: 0 } });
    gateway.get('/x', () => 'x');
    const heard: unknown[] = [];
    gateway.on('listening', (listening) => heard.push(listening));
    const listening = await gateway.listen(underTest);
    expect(listening.url).toBe(`http://127.0.0.1:${listening.port}`);
    expect(listening).toMatchObject({ host: '127.0.0.1', listener: servedBy });
    expect(heard).toEqual([listening]);
    expect(await (await fetch(`${listening.url}/x`)).text()).toBe('x');
    expect((await fetch(`${listening.adminUrl}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${listening.adminUrl}/metrics`)).text()).toContain(
      'ferrogate_http_requests_total',
    );
    expect(await (await fetch(`${listening.adminUrl}/config`)).json()).toMatchObject({
      listening: { listener: servedBy, reason: listening.listenerReason },
    });
    expect(gateway.ready()).toEqual({ ready: true, reasons: [] });
  });

  it('takes other addresses than the configuration', async () => {
    const { gateway } = gatewayOf({ admin: { port: 0 } });
    const { url, adminUrl } = await gateway.listen({ host: '::1', admin: false, ...underTest });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(adminUrl).toBeUndefined();
    expect((await fetch(url)).status).toBe(404);
  });

  it('is refused a second time', async () => {
    const { gateway } = gatewayOf();
    await gateway.listen(underTest);
    await expect(gateway.listen(underTest)).rejects.toMatchObject({ code: 'ERR_FG_ALREADY_LISTENING' });
  });

  it('tells of an occupied port, and can be tried again', async () => {
    const first = await gatewayOf().gateway.listen(underTest);
    const { gateway } = gatewayOf();
    await expect(gateway.listen({ port: first.port, ...underTest })).rejects.toMatchObject({
      code: 'ERR_FG_ADDRESS_IN_USE',
    });
    expect((await gateway.listen(underTest)).port).not.toBe(first.port);
  });

  it('closes the listener again when the admin port is occupied', async () => {
    const { gateway } = gatewayOf();
    const { port } = await gateway.listen(underTest);
    const second = gatewayOf({ admin: { port } }).gateway;
    await expect(second.listen(underTest)).rejects.toMatchObject({ code: 'ERR_FG_ADDRESS_IN_USE' });
    expect(second.ready().ready).toBe(false);
  });
});

describe('reload', () => {
  const config = (path: string): GatewayConfig => ({
    ...forwarding('http://127.0.0.1:9'),
    routes: [{ id: 'file', match: { path }, upstream: 'up' }],
    records: false,
  });

  it('replaces the routes of the file and keeps those of code', async () => {
    const { gateway } = gatewayOf(config('/old'));
    gateway.get('/code', () => 'code');
    const before = await gateway.applied();
    const heard: unknown[] = [];
    gateway.on('reload', ({ generation }) => heard.push(generation));
    const generation = await gateway.reload(config('/new'));
    expect(generation).toBeGreaterThan(before);
    expect(heard).toEqual([generation]);
    expect((await gateway.inject('/old')).status).toBe(404);
    expect((await gateway.inject('/new')).status).toBe(502);
    expect(await text(gateway, '/code')).toBe('code');
  });

  it.each([
    ['is wrong', { routes: [{ match: { path: '/x' }, upstream: 'nope' }] }, 'ERR_FG_CONFIG_INVALID'],
    ['conflicts with a route of code', config('/code'), 'ERR_FG_ROUTE_CONFLICT'],
    ['lacks what a route of code names', { upstreams: {} }, 'ERR_FG_CONFIG_INVALID'],
  ] as [string, GatewayConfig, string][])('that %s changes nothing', async (_, wrong, code) => {
    const { gateway } = gatewayOf(config('/old'));
    gateway.all('/code', () => 'code');
    gateway.get('/forward', { upstream: 'up' });
    const before = await gateway.applied();
    await expect(gateway.reload(wrong)).rejects.toMatchObject({ code });
    expect(await gateway.applied()).toBe(before);
    expect(await text(gateway, '/code')).toBe('code');
    expect((await gateway.inject('/old')).status).toBe(502);
    gateway.get('/after', () => 'after');
    expect(await text(gateway, '/after')).toBe('after');
  });

  it('leaves requests alone that are under way', async () => {
    const target = await upstream((_, response) => {
      response.write('first');
      setTimeout(() => response.end('last'), 50);
    });
    const { gateway } = gatewayOf(forwarding(target));
    const response = await gateway.inject('/up/x');
    await gateway.reload({ records: false });
    expect(await response.text()).toBe('firstlast');
    expect((await gateway.inject('/up/x')).status).toBe(404);
  });
});

describe('close', () => {
  it('lets what runs end, then refuses everything', async () => {
    let release: (value: string) => void = () => {};
    const { gateway } = gatewayOf();
    gateway.get(
      '/slow',
      () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    );
    const { port, url } = await gateway.listen(underTest);
    const client = await byteClient(port);
    client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => release.length > 0 || release.name !== 'release', 'the handler runs');
    let isClosed = false;
    gateway.on('close', () => {
      isClosed = true;
    });
    const closing = gateway.close({ timeoutMs: 5000 });
    expect(gateway.ready().ready).toBe(false);
    release('in time');
    await closing;
    expect(await client.closed()).toContain('in time');
    expect(isClosed).toBe(true);
    await expect(fetch(url)).rejects.toThrow();
    await expect(gateway.inject('/slow')).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
    await expect(gateway.listen(underTest)).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
    expect(() => gateway.get('/x', () => '')).toThrow(expect.objectContaining({ code: 'ERR_FG_CLOSED' }));
    await gateway.close();
  });

  it('breaks what still runs after its time', async () => {
    const { gateway } = gatewayOf();
    let aborted = false;
    gateway.get('/ever', ({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => {});
    });
    const { port } = await gateway.listen(underTest);
    const client = connect(port, '127.0.0.1');
    client.on('error', () => {});
    client.write('GET /ever HTTP/1.1\r\nHost: a\r\n\r\n');
    const injected = gateway.inject('/ever');
    await new Promise((resolve) => setTimeout(resolve, 30));
    await gateway.close({ timeoutMs: 20 });
    await expect(injected).rejects.toThrow();
    expect(aborted).toBe(true);
    await eventually(() => client.destroyed, 'the connection is closed');
  });

  it('is what await using does', async () => {
    const gateway = createGateway({ records: false });
    await gateway[Symbol.asyncDispose]();
    await expect(gateway.inject('/')).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
  });
});

describe('two gateways', () => {
  it('of one process know nothing of each other', async () => {
    const [one, two] = [gatewayOf().gateway, gatewayOf().gateway];
    one.get('/x', () => 'one');
    two.get('/x', () => 'two');
    const [first, second] = await Promise.all([one.listen(underTest), two.listen(underTest)]);
    expect(await (await fetch(`${first.url}/x`)).text()).toBe('one');
    expect(await (await fetch(`${second.url}/x`)).text()).toBe('two');
    await one.close();
    expect(await (await fetch(`${second.url}/x`)).text()).toBe('two');
  });

  it('that name one core share its limits', async () => {
    const limits = { few: { rate: 1, per: '1h', burst: 3, key: 'route' } } as const;
    const make = () => {
      const { gateway } = gatewayOf({ limits }, { core: 'shared' });
      gateway.get('/x', { id: 'x', limits: ['few'] }, () => 'ok');
      return gateway;
    };
    const [one, two] = [make(), make()];
    const statuses: number[] = [];
    for (const gateway of [one, two, one, two, one]) statuses.push((await gateway.inject('/x')).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });
});

describe('errors', () => {
  it('of a configuration name every fault', () => {
    expect(() =>
      createGateway({ listen: { port: -1 }, routes: [{ match: { path: 'x' }, upstream: 'y' }] }),
    ).toThrow(
      expect.objectContaining({
        code: 'ERR_FG_CONFIG_INVALID',
        issues: expect.arrayContaining([expect.objectContaining({ path: 'listen.port' })]),
      }),
    );
  });

  it('of two routes name both', () => {
    const route = (id: string, path: string) => ({ id, match: { path }, upstream: 'up' });
    const routes = [route('one', '/a/:x'), route('two', '/a/:y')];
    expect(() => createGateway({ ...forwarding('http://127.0.0.1:9'), routes })).toThrow(
      /routes\[1\]\.match: .*"one"/,
    );
  });
});
