// Which route takes a request: paths, hosts, methods, precedence, and the forms of a path that are refused.
import { describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/index.ts';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { rawRequest, requestText } from '../support/raw.ts';

type Add = (gateway: Gateway) => void;

/** Every route answers with its id and parameters. */
const routes =
  (...specs: readonly [path: string, host?: string][]): Add =>
  (gateway) => {
    for (const [path, host] of specs) {
      const policies = { id: `${host ?? ''}${path}`, ...(host === undefined ? {} : { host }) };
      gateway.get(path, policies, ({ route, params }) => `${route} ${JSON.stringify(params)}`);
    }
  };

async function get({ port }: ListeningGateway, target: string, host = 'x.test'): Promise<string> {
  const answer = await rawRequest(port, requestText('GET', target, [`Host: ${host}`]));
  return answer.status === 200 ? answer.body.toString() : String(answer.status);
}

describe('paths', () => {
  it('static before constrained before parameter before catch-all, with backtracking', async () => {
    const gateway = await startGateway(
      {},
      routes(['/a/b'], ['/a/:n(\\d+)'], ['/a/:x'], ['/a/*rest'], ['/a/b/c/d'], ['/:any/b/z']),
    );
    expect(await get(gateway, '/a/b')).toBe('/a/b {}');
    expect(await get(gateway, '/a/12')).toBe('/a/:n(\\d+) {"n":"12"}');
    expect(await get(gateway, '/a/1x')).toBe('/a/:x {"x":"1x"}');
    expect(await get(gateway, '/a/b/c')).toBe('/a/*rest {"rest":"b/c"}');
    expect(await get(gateway, '/a/')).toBe('/a/*rest {"rest":""}');
    expect(await get(gateway, '/a')).toBe('404');
    expect(await get(gateway, '/z/b/z')).toBe('/:any/b/z {"any":"z"}');
  });

  it('in canonical form: dots removed, unreserved decoded, the rest kept as written', async () => {
    const gateway = await startGateway({}, routes(['/a/b'], ['/caf%C3%A9'], ['/e/:x']));
    for (const target of ['/a/b', '/a/./b', '/x/../a/b', '/%61/b', '/a/%2e/b', '/a/c/%2E%2e/b', '/../a/b'])
      expect([target, await get(gateway, target)]).toEqual([target, '/a/b {}']);
    expect(await get(gateway, '/caf%c3%a9')).toBe('/caf%C3%A9 {}');
    expect(await get(gateway, '/e/%25')).toBe('/e/:x {"x":"%"}');
  });

  it.each(['/a%2fb', '/a%2Fb', '/a%5cb', '/a//b', '//a', '/a\\b'])(
    '%s is 400 unless the route allows it',
    async (target) => {
      const gateway = await startGateway({}, (made) => {
        made.get('/*rest', () => 'refuses');
      });
      expect(await get(gateway, target)).toBe('400');
      const lax = await startGateway({}, (made) => {
        made.get('/*rest', { allowEncoded: ['%2f', '%5c', '//', '\\'] }, ({ path }) => path);
      });
      expect(await get(lax, target)).toMatch(/^\/+a/);
    },
  );

  it.each(['/a%00', '/a%zz', '/a%2', '/a#b', '/\xc5\x81dmin', '/a%'])('%j is always 400', async (target) => {
    const gateway = await startGateway({}, (made) =>
      made.all('/*rest', { allowEncoded: ['%2f'] }, () => 'x'),
    );
    expect(await get(gateway, target)).toBe('400');
  });
});

describe('hosts', () => {
  it('exact before wildcard before any; case, port and trailing dot do not matter', async () => {
    const gateway = await startGateway(
      {},
      routes(['/', 'api.example.com'], ['/', '*.example.com'], ['/', '*.b.example.com'], ['/']),
    );
    expect(await get(gateway, '/', 'API.example.com:8080')).toBe('api.example.com/ {}');
    expect(await get(gateway, '/', 'api.example.com.')).toBe('api.example.com/ {}');
    expect(await get(gateway, '/', 'a.b.example.com')).toBe('*.b.example.com/ {}');
    expect(await get(gateway, '/', 'x.example.com')).toBe('*.example.com/ {}');
    expect(await get(gateway, '/', 'example.com')).toBe('/ {}');
    expect(await get(gateway, '/', '127.0.0.1')).toBe('/ {}');
  });

  it('fall back to the next host tree when a path is not there', async () => {
    const gateway = await startGateway({}, routes(['/only', 'api.example.com'], ['/all']));
    expect(await get(gateway, '/all', 'api.example.com')).toBe('/all {}');
    expect(await get(gateway, '/only', 'other.example.com')).toBe('404');
  });
});

describe('methods', () => {
  const add: Add = (gateway) => {
    gateway
      .get('/it', () => 'got')
      .put('/it', () => 'put')
      .get('/own', () => 'x');
    gateway.options('/own', () => 'own options');
  };

  it('405 names the methods that are taken', async () => {
    const { port } = await startGateway({}, add);
    const answer = await rawRequest(port, requestText('DELETE', '/it'));
    expect(answer.status).toBe(405);
    expect(answer.header('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'PUT']);
    expect((await rawRequest(port, requestText('get', '/it'))).status).toBe(405);
  });

  it('OPTIONS is answered with Allow unless the route takes it', async () => {
    const { port } = await startGateway({}, add);
    const answer = await rawRequest(port, requestText('OPTIONS', '/it'));
    expect(answer.status).toBe(204);
    expect(answer.header('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'PUT']);
    const own = await rawRequest(port, requestText('OPTIONS', '/own'));
    expect(own.body.toString()).toBe('own options');
    expect((await rawRequest(port, requestText('OPTIONS', '/none'))).status).toBe(404);
  });

  it('HEAD comes from GET', async () => {
    const { port } = await startGateway({}, add);
    const answer = await rawRequest(port, requestText('HEAD', '/it'), { head: true });
    expect([answer.status, answer.header('content-length')]).toEqual([200, '3']);
    expect((await rawRequest(port, requestText('HEAD', '/none'), { head: true })).status).toBe(404);
  });
});

describe('conflicts in a configuration', () => {
  it('name both routes', async () => {
    const { gateway } = await startGateway();
    const upstreams = { u: { targets: ['http://127.0.0.1:9'] } };
    const route = (id: string, path: string) => ({ id, match: { path }, upstream: 'u' });
    const wrong = gateway.reload({ upstreams, routes: [route('a', '/x/:id'), route('b', '/x/:name')] });
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_FG_ROUTE_CONFLICT' });
    await expect(wrong).rejects.toThrow(/routes\[1\].*"a"/);
  });
});
