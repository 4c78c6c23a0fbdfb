// Key sources over time, against real servers on loopback and fake timers.
import { describe, expect, it, vi } from 'vitest';
import { bench, inline, keys, keysWith, remote, startKeyServer, status } from './support.ts';

const at = bench();

describe('a remote key set', () => {
  it('is fetched at start, and then the sources are ready', async () => {
    await at.begin(remote('main', at.server.url)).ready();
    expect(at.sink.seen).toEqual(['main: k1']);
  });

  it('is fetched again before it ages out and brings rotated keys', async () => {
    at.server.answer = keysWith({ 'Cache-Control': 'max-age=100' }, 'k1');
    at.begin(remote('main', at.server.url));
    await at.sink.until(1);
    await at.armed();
    at.server.answer = keys('k1', 'k2');
    at.pass(79_999);
    expect(at.server.requests).toBe(1);
    at.pass(1);
    await at.sink.until(2);
    expect(at.sink.seen).toEqual(['main: k1', 'main: k1,k2']);
  });

  it('is fetched at once when a token names an unknown key', async () => {
    const running = at.begin(remote('main', at.server.url));
    await at.sink.until(1);
    at.server.answer = keys('k2');
    await at.armed();
    running.wanted('main');
    await at.sink.until(2);
    expect(at.sink.seen).toEqual(['main: k1', 'main: k2']);
  });

  it('is fetched once for all who want it meanwhile', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    at.server.answer = async (request, response) => {
      await held;
      keys('k1')(request, response);
    };
    const running = at.begin(remote('main', at.server.url));
    for (let time = 0; time < 100; time += 1) running.wanted('main');
    release();
    await running.ready();
    expect(at.server.requests).toBe(1);
    expect(at.sink.seen).toEqual(['main: k1']);
  });

  it('is kept when its source fails, which is tried again with growing pauses', async () => {
    at.begin(remote('main', at.server.url));
    await at.sink.until(1);
    await at.armed();
    at.server.answer = status(503);
    at.pass(480_000);
    await at.sink.until(2);
    await at.armed();
    at.pass(999);
    expect(at.server.requests).toBe(2);
    at.pass(1);
    await at.sink.until(3);
    await at.armed();
    at.server.answer = keys('k2');
    at.pass(2_000);
    await at.sink.until(4);
    expect(at.sink.seen).toEqual(['main: k1', 'main failed', 'main failed', 'main: k2']);
    expect(at.logger.lines.map(({ level, fields }) => [level, fields['retryMs']])).toEqual([
      ['warn', 1_000],
      ['warn', 2_000],
      ['info', undefined],
    ]);
  });

  it('fetches nothing more once closed', async () => {
    const running = at.begin(remote('main', at.server.url));
    await at.sink.until(1);
    await at.armed();
    running.close();
    running.wanted('main');
    expect(vi.getTimerCount()).toBe(0);
    expect(at.server.requests).toBe(1);
  });
});

describe('an inline key set', () => {
  it('is there at once', async () => {
    await at.begin(inline('own', 'k1')).ready();
    expect(at.sink.seen).toEqual(['own: k1']);
  });

  it('has nothing new when a key is wanted', () => {
    at.begin(inline('own', 'k1')).wanted('own');
    expect(at.sink.seen).toEqual(['own: k1', 'own failed']);
  });

  it('says once which keys are ignored', () => {
    at.begin(inline('own', 'k1', 'bad1'));
    expect(at.logger.lines).toEqual([
      {
        level: 'warn',
        fields: { issuer: 'own', ignored: ['bad1'] },
        message: 'keys of an issuer are ignored',
      },
    ]);
  });
});

describe('other issuers after a reload', () => {
  it('leaves an unchanged source alone, starts a new one, drops an old one', async () => {
    const running = at.begin(remote('main', at.server.url), inline('old', 'k9'));
    await running.ready();
    running.update([remote('main', at.server.url), inline('new', 'k3')]);
    await running.ready();
    expect(at.sink.seen).toEqual(['old: k9', 'main: k1', 'old failed', 'new: k3']);
    expect(at.server.requests).toBe(1);
  });

  it('fetches from a changed URL and never hears the old one', async () => {
    const other = await startKeyServer(keys('k2'));
    at.server.answer = () => {};
    const running = at.begin(remote('main', at.server.url));
    running.update([remote('main', other.url)]);
    await running.ready();
    expect(at.sink.seen).toEqual(['main failed', 'main: k2']);
    await other.close();
  });
});

describe('ready', () => {
  it('is fulfilled without issuers', async () => {
    await at.begin().ready();
    expect(at.sink.seen).toEqual([]);
  });

  it('is fulfilled when the issuer that held it up is gone', async () => {
    at.server.answer = status(500);
    const running = at.begin(remote('main', at.server.url));
    const ready = running.ready();
    running.update([]);
    await ready;
  });

  it('is rejected when closed before', async () => {
    at.server.answer = () => {};
    const running = at.begin(remote('main', at.server.url));
    const ready = running.ready();
    running.close();
    await expect(ready).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
    await expect(running.ready()).rejects.toMatchObject({ code: 'ERR_FG_CLOSED' });
  });
});

it('lets a server that goes away mid-fetch count as a failure', async () => {
  const gone = await startKeyServer(() => {});
  at.begin(remote('main', gone.url));
  await vi.waitUntil(() => gone.requests === 1, { interval: 1 });
  await gone.close();
  await at.sink.until(1);
  expect(at.sink.seen).toEqual(['main failed']);
});
