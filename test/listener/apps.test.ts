// Connections are accepted by the data plane where the library can adopt sockets, and by the library where it cannot: with the same effect.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createGateway, type Gateway } from '../../src/index.ts';
import type { Peer } from '../../src/listener/uws-apps.ts';
import { UwsApps } from '../../src/listener/uws-apps.ts';
import type { UwsApp } from '../../src/listener/uws-library.ts';

const abilities = vi.hoisted(() => ({ adopt: true }));
vi.mock('uWebSockets.js', async (original) => {
  const real = await original<{ App(): object }>();
  const App = (): object => {
    const app = real.App();
    if (!abilities.adopt) Object.defineProperty(app, 'adoptSocket', { value: undefined });
    return app;
  };
  return { ...real, default: undefined, App };
});

const open: Gateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

describe.each([
  ['the data plane accepts', true],
  ['the library accepts', false],
])('%s', (_name, adopt) => {
  it('knows the client of every request, and takes its port alone', async () => {
    abilities.adopt = adopt;
    const gateway = createGateway({
      listen: { port: 0 },
      limits: { one: { rate: 1, per: '1h', key: 'client' } },
    });
    open.push(gateway);
    gateway.get('/ip', (request) => request.ip);
    gateway.get('/once', { limits: ['one'] }, () => 'once');
    const { url, port } = await gateway.listen();
    for (let i = 0; i < 3; i += 1) expect(await (await fetch(`${url}/ip`)).text()).toBe('127.0.0.1');
    const statuses = [await fetch(`${url}/once`), await fetch(`${url}/once`)].map((answer) => answer.status);
    expect(statuses).toEqual([200, 429]);
    const second = createGateway({ listen: { port } });
    open.push(second);
    await expect(second.listen()).rejects.toMatchObject({ code: 'ERR_FG_ADDRESS_IN_USE' });
  });

  it('tells its listening socket where that is its own', async () => {
    abilities.adopt = adopt;
    const gateway = createGateway({ listen: { port: 0 } });
    open.push(gateway);
    expect(gateway.sockets()).toEqual([]);
    const { host, port } = await gateway.listen();
    if (adopt) {
      expect(gateway.sockets()).toEqual([{ role: 'http', host, port, fd: expect.any(Number) }]);
      return;
    }
    const failure = { code: 'ERR_FG_LISTENER_UNAVAILABLE', message: expect.stringContaining('takeover') };
    expect(() => gateway.sockets()).toThrow(expect.objectContaining(failure));
  });
});

/** An app that only counts; `leave` closes one of its connections. */
function countingApp(): UwsApp & { adopted: number[]; leave(): void } {
  let filter: (res: never, change: number) => void = () => {};
  const app = {
    adopted: [] as number[],
    filter(each: typeof filter) {
      filter = each;
      return app;
    },
    adoptSocket(fd: number) {
      app.adopted.push(fd);
      filter(undefined as never, 1);
      return app;
    },
    leave: () => filter(undefined as never, -1),
    close: () => app,
  };
  return app as unknown as UwsApp & { adopted: number[]; leave(): void };
}

describe('apps', () => {
  it('are one per address, used again when their last connection closed, and shared beyond the bound', () => {
    const made: { peer: Peer; app: ReturnType<typeof countingApp> }[] = [];
    const apps = new UwsApps((peer) => {
      const app = countingApp();
      made.push({ peer, app });
      return app;
    });
    apps.adopt(1, '192.0.2.1', 1);
    apps.adopt(2, '192.0.2.1', 1);
    apps.adopt(3, '192.0.2.2', 2);
    expect(made.map(({ app }) => app.adopted)).toEqual([[], [1, 2], [3]]);
    made[1]?.app.leave();
    apps.adopt(4, '192.0.2.3', 3);
    expect(made.length).toBe(4);
    made[1]?.app.leave();
    apps.adopt(5, '192.0.2.4', 4);
    expect(made.length).toBe(4);
    expect([made[1]?.peer.address, made[1]?.app.adopted]).toEqual([4, [1, 2, 5]]);
    for (let i = 5; i < 300; i += 1) apps.adopt(i + 1, `192.0.3.${i}`, i);
    expect(made.length).toBe(257);
    expect(made[0]?.peer.address).toBeNull();
    expect(made[0]?.app.adopted.length).toBe(300 - 5 - (256 - 3));
    const [total, now] = apps.families().map((family) => family.samples[0]?.value);
    expect([total, now]).toEqual([300, 298]);
  });

  it('tell when the last connection is gone', async () => {
    const made: ReturnType<typeof countingApp>[] = [];
    const apps = new UwsApps(() => {
      const app = countingApp();
      made.push(app);
      return app;
    });
    await apps.empty();
    let isEmpty = false;
    apps.adopt(1, '192.0.2.1', 1);
    apps.adopt(2, '192.0.2.2', 2);
    const empty = apps.empty().then(() => {
      isEmpty = true;
    });
    made[1]?.leave();
    await Promise.resolve();
    expect(isEmpty).toBe(false);
    made[2]?.leave();
    await empty;
  });
});
