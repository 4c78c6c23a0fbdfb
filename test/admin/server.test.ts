// The admin listener over real sockets.
import { afterEach, describe, expect, it } from 'vitest';
import { type AdminServer, type AdminView, startAdmin } from '../../src/admin/server.ts';
import { loadNative } from '../../src/native/binding.ts';

let server: AdminServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(more: Partial<AdminView> = {}, host = '127.0.0.1'): Promise<AdminServer> {
  server = await startAdmin(
    { host, port: 0 },
    {
      live: () => true,
      ready: () => ({ ready: true, reasons: [] }),
      metrics: async () => ({ body: 'up 1\n', contentType: 'text/plain; version=0.0.4' }),
      routes: () => [{ id: 'order' }],
      config: () => ({ issuers: '***' }),
      ...more,
    },
  );
  return server;
}

describe('pages', () => {
  it.each([
    ['/livez', 200, 'text/plain; charset=utf-8', 'ok\n'],
    ['/readyz', 200, 'text/plain; charset=utf-8', 'ok\n'],
    ['/readyz?verbose', 200, 'text/plain; charset=utf-8', 'ok\n'],
    ['/metrics', 200, 'text/plain; version=0.0.4', 'up 1\n'],
    ['/routes', 200, 'application/json', '[\n  {\n    "id": "order"\n  }\n]\n'],
    ['/config', 200, 'application/json', '{\n  "issuers": "***"\n}\n'],
  ])('%s is %d', async (path, status, contentType, body) => {
    const { url } = await start();
    const response = await fetch(url + path);
    expect([response.status, response.headers.get('content-type')]).toEqual([status, contentType]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe(body);
    const head = await fetch(url + path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([status, String(body.length)]);
    expect(await head.text()).toBe('');
  });

  it('says why it is not ready', async () => {
    const { url } = await start({ ready: () => ({ ready: false, reasons: ['issuer main has no keys'] }) });
    const response = await fetch(`${url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('not ready\nissuer main has no keys\n');
  });

  it('answers 503 when it should not live on', async () => {
    const { url } = await start({ live: () => false });
    expect((await fetch(`${url}/livez`)).status).toBe(503);
  });
});

describe('refusals', () => {
  it.each([
    ['GET', '/', 404],
    ['GET', '/livez/', 404],
    ['GET', '/constructor', 404],
    ['GET', '/__proto__', 404],
    ['POST', '/nothing', 404],
    ['POST', '/livez', 405],
    ['DELETE', '/config', 405],
  ])('%s %s is %d', async (method, path, status) => {
    const { url } = await start();
    const response = await fetch(url + path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD' : null);
    expect(await response.json()).toMatchObject({ status });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret'))],
  ])('a view that %s is 500 without its message', async (_, metrics) => {
    const { url } = await start({ metrics });
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
  });
});

it('says which address is taken', async () => {
  const { port } = await start();
  const second = startAdmin({ host: '127.0.0.1', port }, {} as AdminView);
  await expect(second).rejects.toMatchObject({
    code: 'ERR_FG_ADDRESS_IN_USE',
    message: `the admin address 127.0.0.1:${port} is in use`,
  });
});

it('ends idle connections when closed', async () => {
  const { url } = await start();
  await (await fetch(`${url}/livez`)).text();
  await server?.close();
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

describe('a listening socket that was opened before', () => {
  it('is used, told, and closed with the server', async () => {
    const native = loadNative();
    const fd = native.bindTcp('127.0.0.1', 0);
    const view: AdminView = {
      live: () => true,
      ready: () => ({ ready: true, reasons: [] }),
      metrics: async () => ({ body: '', contentType: 'text/plain' }),
      routes: () => [],
      config: () => ({}),
    };
    server = await startAdmin({ host: '127.0.0.1', port: 0, fd }, view);
    expect(server.descriptors()).toEqual([fd]);
    const { port, url } = server;
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(() => native.bindTcp('127.0.0.1', port)).toThrow(
      expect.objectContaining({ code: 'ERR_FG_ADDRESS_IN_USE' }),
    );
    server.stopAccepting();
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    const { descriptors } = await start();
    expect(descriptors()).toEqual([]);
  });
});
