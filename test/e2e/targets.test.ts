// Upstreams of several targets: shares by weight, names that are resolved, targets that change in a reload.
import { describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const named = (name: string): Promise<Upstream> => startUpstream((_, response) => response.end(name));
const routes = [{ match: { path: '/' }, upstream: 'back' }];

async function tally(url: string, count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let at = 0; at < count; at += 1) {
    const name = await (await fetch(url)).text();
    seen[name] = (seen[name] ?? 0) + 1;
  }
  return seen;
}

describe('targets', () => {
  it('get their share by weight', async () => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(named));
    const targets = [a?.url ?? '', { url: b?.url ?? '', weight: 3 }, { url: c?.url ?? '', weight: 2 }];
    const { url } = await startGateway({ upstreams: { back: { targets } }, routes });
    expect(await tally(url, 60)).toEqual({ a: 10, b: 30, c: 20 });
    expect([a?.accepted, b?.accepted, c?.accepted]).toEqual([1, 1, 1]);
  });

  it('by name are resolved', async () => {
    const up = await startUpstream();
    const { url } = await startGateway({
      upstreams: { back: { targets: [`http://localhost:${up.port}`] } },
      routes,
    });
    expect(await (await fetch(url)).json()).toMatchObject({ headers: { host: `localhost:${up.port}` } });
  });

  it('one of which is gone: requests go to the others', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(named));
    const { url } = await startGateway({
      upstreams: { back: { targets: [a?.url ?? '', b?.url ?? ''] } },
      routes,
    });
    expect(await tally(url, 4)).toEqual({ a: 2, b: 2 });
    await a?.stop();
    expect(await tally(url, 6)).toEqual({ b: 6 });
  });

  it('that a reload changes are used from then on', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(named));
    const config = (target?: Upstream) => ({ upstreams: { back: { targets: [target?.url ?? ''] } }, routes });
    const { gateway, url } = await startGateway(config(a));
    expect(await tally(url, 2)).toEqual({ a: 2 });
    await gateway.reload(config(b));
    expect(await tally(url, 2)).toEqual({ b: 2 });
  });
});
