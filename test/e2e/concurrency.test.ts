// Thousands at once, reloads under load, and memory that is flat afterwards.
import { describe, expect, it } from 'vitest';
import type { GatewayConfig } from '../../src/index.ts';
import { startAbort, startChildGateway, startLoad } from '../support/children.ts';
import { startGateway } from '../support/gateway.ts';
import { manyConnections } from '../support/listeners.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

describe('thousands of requests at once', () => {
  it('to a handler that holds them: 8,000 are held, answered, and gone', async () => {
    const count = 8_000;
    const child = await startChildGateway({ listen: manyConnections }, { handlers: true });
    const load = startLoad(child.port, '/js/hold', count);
    await until('all to be held', async () => (await child.held()) === count, 25_000);
    await child.release('released');
    expect(await load).toEqual({ 200: count });
    await until('nothing in flight', async () => (await inFlight(child.adminUrl)) === 0);
  });

  it('forwarded: 2,000 wait for 1,000 connections and are all served', async () => {
    const up = await startUpstream((_, response) => void setImmediate(() => response.end('ok')));
    const child = await startChildGateway({
      listen: manyConnections,
      upstreams: { back: { targets: [up.url], maxConnections: 1_000, connectTimeout: '20s' } },
      routes: [{ match: { path: '/' }, upstream: 'back' }],
    });
    expect(await startLoad(child.port, '/', 2_000)).toEqual({ 200: 2_000 });
    expect(up.seen).toHaveLength(2_000);
    await until('nothing in flight', async () => (await inFlight(child.adminUrl)) === 0);
  });

  it('whose clients all leave: nothing stays, and the gateway serves on', async () => {
    const count = 2_000;
    const child = await startChildGateway({ listen: manyConnections }, { handlers: true });
    const leave = startAbort(child.port, '/js/never', count);
    await until('all in flight', async () => (await inFlight(child.adminUrl)) === count);
    leave();
    await until('nothing in flight', async () => (await inFlight(child.adminUrl)) === 0);
    expect(await (await fetch(`${child.url}/js/hello?name=you`)).json()).toEqual({ hello: 'you' });
  });
});

describe('a reload under load', () => {
  it('fails no request, and every request sees one configuration or the other', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => startUpstream((_, response) => response.end(name))),
    );
    const config = (url = ''): GatewayConfig => ({
      limits: { l: { rate: 1_000_000, per: '1s' } },
      upstreams: { back: { targets: [url] } },
      routes: [{ id: 'it', match: { path: '/it' }, upstream: 'back', limits: ['l'] }],
    });
    const started = await startGateway(config(one?.url), (made) => made.get('/js', () => 'js'));
    const { gateway, url } = started;
    let running = true;
    const seen: Record<string, number> = {};
    const client = async (path: string): Promise<void> => {
      while (running) {
        const response = await fetch(`${url}${path}`);
        const text = `${response.status} ${await response.text()}`;
        seen[text] = (seen[text] ?? 0) + 1;
      }
    };
    const clients = Array.from({ length: 20 }, (_, at) => client(at % 4 === 0 ? '/js' : '/it'));
    const total = (): number => Object.values(seen).reduce((sum, count) => sum + count, 0);
    for (let round = 0; round < 40; round += 1) {
      const before = total();
      await gateway.reload(config(round % 2 === 0 ? two?.url : one?.url));
      await until('requests in this generation', () => total() > before + 20);
    }
    running = false;
    await Promise.all(clients);
    expect(Object.keys(seen).sort()).toEqual(['200 js', '200 one', '200 two']);
    expect(started.records.every((record) => record.status === 200)).toBe(true);
  });

  it('keeps exchanges that run on the snapshot that decided them', async () => {
    const release: (() => void)[] = [];
    const up = await startUpstream((_, response) => void release.push(() => response.end('old')));
    const config = {
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/' }, upstream: 'back' }],
    };
    const { gateway, url } = await startGateway(config);
    const running = fetch(url).then((response) => response.text());
    await until('the request upstream', () => release.length === 1);
    await gateway.reload({});
    expect((await fetch(url)).status).toBe(404);
    release[0]?.();
    expect(await running).toBe('old');
  });
});

describe('memory', () => {
  it('is flat over many requests of every kind', async () => {
    const up = await startUpstream((_, response) => response.end('x'.repeat(2_000)));
    const child = await startChildGateway(
      { upstreams: { back: { targets: [up.url] } }, routes: [{ match: { path: '/up' }, upstream: 'back' }] },
      { handlers: true },
    );
    const paths = ['/up', '/js/hello', '/js/throw', '/js/stream', '/none', '/up'];
    const round = async (requests: number): Promise<void> => {
      const lane = async (at: number): Promise<void> => {
        for (let done = at; done < requests; done += 16)
          await (await fetch(`${child.url}${paths[done % paths.length]}`)).arrayBuffer();
      };
      await Promise.all(Array.from({ length: 16 }, (_, at) => lane(at)));
    };
    await round(3_000);
    const before = await child.memory();
    await round(6_000);
    const after = await child.memory();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(1_500_000);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000);
    expect(after.rss - before.rss).toBeLessThan(40_000_000);
    expect(await inFlight(child.adminUrl)).toBe(0);
  }, 60_000);
});

async function inFlight(adminUrl: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const lines = text.matchAll(/^ferrogate_http_requests_in_flight\{.*\} (\d+)$/gm);
  return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
}
