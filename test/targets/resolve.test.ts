// Targets become addresses: literals at once, names as the resolver tells and again in time.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PlanTarget } from '../../src/config/plan.ts';
import type { Logger } from '../../src/observe/logger.ts';
import { createTargets, type Targets, type TargetUpstream } from '../../src/targets/resolve.ts';
import type { Resolver } from '../../src/targets/resolver.ts';

let addresses: Record<string, readonly string[]> = {};
let ttls: Record<string, number> = {};
let pushed: string[] = [];
let warnings: object[] = [];
let targets: Targets | undefined;

const resolver: Resolver = {
  async lookup(host) {
    const found = addresses[host];
    if (found === undefined) throw Object.assign(new Error(`no such name: ${host}`), { code: 'ENOTFOUND' });
    return found;
  },
  ttl: async (host) => ttls[host],
};
const logger: Logger = { info() {}, warn: (fields) => void warnings.push(fields), error() {} };
const sink = {
  putTargets(id: string, json: string): void {
    const list = JSON.parse(json) as { url: string; addresses: string[] }[];
    pushed.push(`${id}: ${list.map(({ url, addresses }) => `${url}=${addresses.join('+')}`).join(' ')}`);
  },
};

function target(host: string, port = 80): PlanTarget {
  const authority = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${authority}:${port}`, scheme: 'http', host, port, weight: 1, local: false };
}

function upstream(id: string, ...list: PlanTarget[]): TargetUpstream {
  return { id, targets: list };
}

function create(...upstreams: TargetUpstream[]): Targets {
  targets = createTargets(upstreams, sink, { logger, resolver });
  return targets;
}

const advance = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  addresses = { 'one.test': ['10.0.0.1', '10.0.0.2'] };
  ttls = {};
  pushed = [];
  warnings = [];
});

afterEach(() => {
  targets?.close();
  targets = undefined;
  vi.useRealTimers();
});

describe('start', () => {
  it('pushes literal addresses before it returns', () => {
    void create(upstream('a', target('127.0.0.1', 9001), target('::1', 9002))).start();
    expect(pushed).toEqual(['a: http://127.0.0.1:9001=127.0.0.1:9001 http://[::1]:9002=[::1]:9002']);
  });

  it('pushes the addresses of names, with the literals of the same upstream kept', async () => {
    await create(upstream('a', target('one.test', 8080), target('127.0.0.1', 1))).start();
    expect(pushed).toEqual([
      'a: http://one.test:8080= http://127.0.0.1:1=127.0.0.1:1',
      'a: http://one.test:8080=10.0.0.1:8080+10.0.0.2:8080 http://127.0.0.1:1=127.0.0.1:1',
    ]);
  });

  it('asks once for a name that two upstreams share', async () => {
    const lookup = vi.spyOn(resolver, 'lookup');
    await create(upstream('a', target('one.test', 1)), upstream('b', target('one.test', 2))).start();
    expect(lookup).toHaveBeenCalledTimes(1);
    expect(pushed.slice(2)).toEqual([
      'a: http://one.test:1=10.0.0.1:1+10.0.0.2:1',
      'b: http://one.test:2=10.0.0.1:2+10.0.0.2:2',
    ]);
    lookup.mockRestore();
  });

  it('is fulfilled when a name does not resolve, and says so', async () => {
    await create(upstream('a', target('nowhere.test'))).start();
    expect(pushed).toEqual(['a: http://nowhere.test:80=']);
    expect(warnings).toEqual([{ host: 'nowhere.test', reason: 'ENOTFOUND', retryMs: 1_000 }]);
  });
});

describe('a name', () => {
  it('is resolved again after the interval and pushed only when it changed', async () => {
    await create(upstream('a', target('one.test'))).start();
    await advance(30_000);
    addresses['one.test'] = ['10.0.0.2', '10.0.0.1'];
    await advance(30_000);
    expect(pushed).toHaveLength(2);
    addresses['one.test'] = ['10.0.0.3'];
    await advance(29_999);
    expect(pushed).toHaveLength(2);
    await advance(1);
    expect(pushed.at(-1)).toBe('a: http://one.test:80=10.0.0.3:80');
  });

  it.each([
    [5, 5_000],
    [0, 1_000],
    [86_400, 300_000],
  ])('with a TTL of %d s is resolved again after %d ms', async (ttl, wait) => {
    ttls['one.test'] = ttl;
    await create(upstream('a', target('one.test'))).start();
    addresses['one.test'] = ['10.0.0.3'];
    await advance(wait - 1);
    expect(pushed).toHaveLength(2);
    await advance(1);
    expect(pushed).toHaveLength(3);
  });

  it('keeps its last good addresses while it fails, and is tried again with growing pauses', async () => {
    await create(upstream('a', target('one.test'))).start();
    delete addresses['one.test'];
    await advance(30_000);
    await advance(1_000);
    await advance(2_000);
    expect(pushed).toHaveLength(2);
    expect(warnings.map((fields) => (fields as { retryMs: number }).retryMs)).toEqual([1_000, 2_000, 4_000]);
    addresses['one.test'] = ['10.0.0.9'];
    await advance(4_000);
    expect(pushed.at(-1)).toBe('a: http://one.test:80=10.0.0.9:80');
  });
});

describe('update', () => {
  it('pushes known addresses at once, resolves new names and forgets old ones', async () => {
    addresses['two.test'] = ['10.0.0.5'];
    const running = create(upstream('a', target('one.test')));
    await running.start();
    pushed = [];
    await running.update([upstream('a', target('one.test')), upstream('b', target('two.test'))]);
    expect(pushed).toEqual([
      'a: http://one.test:80=10.0.0.1:80+10.0.0.2:80',
      'b: http://two.test:80=',
      'b: http://two.test:80=10.0.0.5:80',
    ]);
    await running.update([upstream('b', target('two.test'))]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('before start only replaces what start pushes', async () => {
    const running = create(upstream('a', target('127.0.0.1')));
    await running.update([upstream('b', target('127.0.0.2'))]);
    expect(pushed).toEqual([]);
    await running.start();
    expect(pushed).toEqual(['b: http://127.0.0.2:80=127.0.0.2:80']);
  });
});

describe('close', () => {
  it('ends every timer and pushes nothing more', async () => {
    const running = create(upstream('a', target('one.test')));
    await running.start();
    await advance(0);
    running.close();
    await running.update([upstream('b', target('127.0.0.1'))]);
    expect(vi.getTimerCount()).toBe(0);
    expect(pushed).toHaveLength(2);
  });

  it('while a name is being resolved lets nothing follow', async () => {
    const running = create(upstream('a', target('one.test')));
    const begun = running.start();
    running.close();
    await begun;
    expect(pushed).toEqual(['a: http://one.test:80=']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
