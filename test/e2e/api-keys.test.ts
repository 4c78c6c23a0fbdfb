// API keys on requests: who is let in, as whom, and that the key goes no further.
import { expect, it } from 'vitest';
import { createApiKey, hashApiKey } from '../../src/index.ts';
import { startGateway } from '../support/gateway.ts';
import { rawRequest, requestText } from '../support/raw.ts';
import { startUpstream } from '../support/upstream.ts';

it('a key stands for its subject at handlers and upstreams, and is sent to none', async () => {
  const [first, second, stranger] = [createApiKey(), createApiKey(), createApiKey()];
  expect(hashApiKey(first.key)).toBe(first.hash);
  const seen: Record<string, string | string[] | undefined>[] = [];
  const upstream = await startUpstream((request, response) => {
    seen.push(request.headers);
    response.end('upstream');
  });
  const { gateway, port } = await startGateway(
    {
      apiKeys: {
        partners: {
          keys: [
            { id: 'acme-1', subject: 'acme', hash: first.hash, claims: { tenant_id: 't1' } },
            { id: 'acme-2', subject: 'acme', hash: second.hash, scopes: ['write'] },
          ],
        },
      },
      upstreams: { up: { targets: [upstream.url] } },
      routes: [
        {
          match: { path: '/up' },
          apiKey: 'partners',
          claimHeaders: { 'x-user': 'sub', 'x-key': 'key_id' },
          upstream: 'up',
        },
      ],
    },
    (on) => {
      on.get('/me', { apiKey: 'partners' }, ({ claims }) => claims ?? {});
      on.get('/write', { apiKey: { keys: 'partners', scopes: ['write'] } }, () => 'written');
    },
  );
  const ask = (target: string, key?: string) =>
    rawRequest(port, requestText('GET', target, key === undefined ? [] : [`X-Api-Key: ${key}`]));
  const me = await ask('/me', first.key);
  expect(JSON.parse(me.body.toString())).toEqual({ sub: 'acme', key_id: 'acme-1', tenant_id: 't1' });
  for (const [target, key, status] of [
    ['/write', first.key, 403],
    ['/write', second.key, 200],
    ['/me', stranger.key, 401],
    ['/me', undefined, 401],
    ['/up', second.key, 200],
  ] as const)
    expect((await ask(target, key)).status, `${target} ${status}`).toBe(status);
  expect((await ask('/me')).header('www-authenticate')).toBe('ApiKey realm="partners"');
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ 'x-user': 'acme', 'x-key': 'acme-2' });
  expect(seen[0]).not.toHaveProperty('x-api-key');
  expect(gateway.routes().map(({ apiKeys }) => apiKeys)).toEqual(['partners', 'partners', 'partners']);
  const explained = gateway.explain('GET', 'http://x/me', { 'x-api-key': stranger.key });
  expect(explained).toMatchObject({ verdict: 'refused', status: 401 });
  expect(JSON.stringify(explained)).not.toContain(stranger.key);
});
