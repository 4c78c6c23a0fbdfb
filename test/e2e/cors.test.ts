// Pages of other origins: preflights, their answers, and headers on everything else, refusals too.
import { describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { rawRequest, requestText } from '../support/raw.ts';
import { startUpstream } from '../support/upstream.ts';

const cors = {
  origins: ['https://app.test', 'https://*.shop.test'],
  credentials: true,
  methods: ['GET', 'PUT'],
  headers: ['authorization', 'x-own'],
  exposedHeaders: ['X-Trace-ID'],
  maxAge: '5m',
};

const start = async (): Promise<number> => {
  const upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'Access-Control-Allow-Origin': 'https://theirs.test', Vary: 'Accept' });
    response.end('ok');
  });
  const { port } = await startGateway(
    {
      issuers: { main: { issuer: 'https://id.test', audience: false, jwks: 'http://127.0.0.1:1/none' } },
      limits: { one: { rate: 1, per: '1h' } },
      upstreams: { back: { targets: [upstream.url] } },
    },
    (gateway) => {
      gateway.get('/js', { cors }, () => 'ok').get('/up', { cors, upstream: 'back' });
      gateway.get('/locked', { cors, jwt: 'main', limits: ['one'] }, () => 'x').get('/plain', () => 'x');
      gateway.get('/any', { cors: { origins: ['*'] } }, () => 'x');
    },
  );
  return port;
};

const preflight = (target: string, origin: string, method = 'GET'): string =>
  requestText('OPTIONS', target, [`Origin: ${origin}`, `Access-Control-Request-Method: ${method}`]);

describe('a preflight', () => {
  it('of an allowed origin is answered in full', async () => {
    const answer = await rawRequest(await start(), preflight('/js', 'https://app.test'));
    expect(answer.status).toBe(204);
    expect(answer.header('access-control-allow-origin')).toBe('https://app.test');
    expect(answer.header('access-control-allow-credentials')).toBe('true');
    expect(answer.header('access-control-allow-methods')).toBe('GET, PUT');
    expect(answer.header('access-control-allow-headers')?.toLowerCase()).toBe('authorization, x-own');
    expect(answer.header('access-control-max-age')).toBe('300');
    expect(answer.header('vary')).toContain('Origin');
    expect(answer.header('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('takes no token and no limit, however often', async () => {
    const port = await start();
    for (let round = 0; round < 5; round += 1)
      expect((await rawRequest(port, preflight('/locked', 'https://a.b.shop.test'))).status).toBe(204);
    expect((await rawRequest(port, requestText('GET', '/locked'))).status).toBe(401);
  });

  it.each([
    'https://evil.test',
    'http://app.test',
    'https://shop.test',
    'https://app.test.evil.test',
    'null',
  ])('of %s gets no permission', async (origin) => {
    const answer = await rawRequest(await start(), preflight('/js', origin));
    expect(answer.header('access-control-allow-origin')).toBeUndefined();
    expect(answer.header('access-control-allow-methods')).toBeUndefined();
    expect(answer.header('vary')).toContain('Origin');
  });

  it('of a route without a policy is a plain OPTIONS', async () => {
    const answer = await rawRequest(await start(), preflight('/plain', 'https://app.test'));
    expect([answer.status, answer.header('access-control-allow-origin')]).toEqual([204, undefined]);
    expect(answer.header('allow')).toContain('GET');
  });
});

describe('any other answer', () => {
  const from = (target: string): string => requestText('GET', target, ['Origin: https://app.test']);

  it.each(['/js', '/up'])('of %s permits the origin, once, and varies by it', async (target) => {
    const answer = await rawRequest(await start(), from(target));
    expect(answer.status).toBe(200);
    expect(answer.header('access-control-allow-origin')).toBe('https://app.test');
    expect(answer.header('access-control-expose-headers')?.toLowerCase()).toBe('x-trace-id');
    expect(answer.header('vary')?.split(', ')).toContain('Origin');
    if (target === '/up') expect(answer.header('vary')).toContain('Accept');
  });

  it('that is a refusal permits it too', async () => {
    const port = await start();
    for (const status of [401, 429]) {
      const answer = await rawRequest(port, from('/locked'));
      expect([answer.status, answer.header('access-control-allow-origin')]).toEqual([
        status,
        'https://app.test',
      ]);
    }
  });

  it('varies by Origin where there was none', async () => {
    const answer = await rawRequest(await start(), requestText('GET', '/js'));
    expect(answer.header('vary')).toBe('Origin');
    expect(answer.header('access-control-allow-origin')).toBeUndefined();
  });

  it('of a route for all origins says *', async () => {
    const answer = await rawRequest(await start(), from('/any'));
    expect([answer.header('access-control-allow-origin'), answer.header('vary')]).toEqual(['*', undefined]);
  });
});

it('* with credentials is a configuration error', async () => {
  const { gateway } = await startGateway();
  const add = (): unknown => gateway.get('/', { cors: { origins: ['*'], credentials: true } }, () => 'x');
  expect(add).toThrow(expect.objectContaining({ code: 'ERR_FG_CONFIG_INVALID' }));
});
