// Redis under the token service: what is kept there, and what happens when it is killed, stopped, full, forgetful, or a cluster that moves.
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redisStore, type TokenServiceOptions } from '../../src/auth/index.ts';
import { subjectTag, tagOf } from '../../src/auth/refresh-token.ts';
import { type RedisServer, startCluster, startRedis, startSentinel } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { makeService, outcomeOf, refreshOf, sessionOf, type TestService } from './support.ts';

interface World extends TestService {
  readonly redis: RedisServer;
}

async function open(options: Partial<TokenServiceOptions> = {}): Promise<World> {
  const redis = await startRedis();
  return { redis, ...makeService({ store: redisStore(redis.url), ...options }) };
}

const away = 'ERR_FG_STORE_UNAVAILABLE';

describe('a Redis', () => {
  it('holds nothing that could be used as a token, and for no longer than the sessions', async () => {
    const { service, redis } = await open({ reuseInterval: '30s', refreshTokenTtl: '1h' });
    const first = await service.issue({ subject: 'ada', device: 'phone' });
    const second = await service.refresh({ refreshToken: refreshOf(first) });
    const key = `ferrogate:auth:{${subjectTag('ada')}}`;
    expect(await redis.command('KEYS', '*')).toBe(key);
    const held = await redis.command('HGETALL', key);
    expect(held).toContain('phone');
    for (const token of [refreshOf(first), refreshOf(second)])
      for (const part of [token, token.slice(26, 48), token.slice(-43), token.slice(-43, -20)])
        expect(held).not.toContain(part);
    const life = Number(await redis.command('PTTL', key));
    expect(life > 3_500_000 && life <= 3_600_000).toBe(true);
    await service.logout(sessionOf(first));
    expect(await redis.command('KEYS', '*')).toBe('');
  });

  it('forgets sessions that are over when the next one begins', async () => {
    const { service, redis, clock } = await open({ refreshTokenTtl: '1h' });
    for (let at = 0; at < 3; at += 1) await service.issue({ subject: 'ada' });
    clock.pass(3_600_000);
    await service.issue({ subject: 'ada' });
    const fields = await redis.command('HLEN', `ferrogate:auth:{${subjectTag('ada')}}`);
    expect(fields).toBe('2');
  });

  it('is asked by several services that share its sessions', async () => {
    const { service, redis, clock } = await open();
    const { service: other } = makeService({ store: redisStore(redis.url), clock: () => clock.now });
    const tokens = await service.issue({ subject: 'ada' });
    const next = await other.refresh({ refreshToken: refreshOf(tokens) });
    const both = [service, other].map((one) => outcomeOf(one.refresh({ refreshToken: refreshOf(next) })));
    expect((await Promise.all(both)).sort()).toEqual(['done', 'invalid_grant']);
    expect(await service.sessions('ada')).toEqual([]);
  });

  it('that is killed costs an answer, and comes back without a restart', async () => {
    const { service, redis } = await open();
    const tokens = await service.issue({ subject: 'ada' });
    await redis.kill();
    const refreshToken = refreshOf(tokens);
    const asked = [
      service.refresh({ refreshToken }),
      service.issue({ subject: 'ada' }),
      service.sessions('ada'),
      service.logout(sessionOf(tokens)),
      service.logoutAll('ada'),
    ];
    expect(await Promise.all(asked.map(outcomeOf))).toEqual([away, away, away, away, away]);
    await redis.restart();
    await until('the service to be back', async () => (await outcomeOf(service.sessions('ada'))) === 'done');
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe('invalid_grant');
    const again = await service.issue({ subject: 'ada' });
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(again) }))).toBe('done');
  });

  it('that stands still costs an answer, and a retry gets the successor that was lost', async () => {
    const { service, redis } = await open({ reuseInterval: '60s' });
    const tokens = await service.issue({ subject: 'ada' });
    const refreshToken = refreshOf(tokens);
    const slow = service.refresh({ refreshToken });
    redis.pause();
    expect(['done', away]).toContain(await outcomeOf(slow));
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe(away);
    redis.resume();
    await until('the service to be back', async () => (await outcomeOf(service.sessions('ada'))) === 'done');
    const next = await service.refresh({ refreshToken });
    expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(next) }))).toBe('done');
  });

  it('whose answer is lost on the way is asked again, and does nothing twice', async () => {
    const redis = await startRedis();
    const way = await startWay(redis.port);
    const store = redisStore(`redis://127.0.0.1:${way.port}`);
    const { service } = makeService({ store, maxSessions: 1 });
    await service.issue({ subject: 'ada' });
    way.loseNext();
    let tokens = await service.issue({ subject: 'ada' });
    for (let round = 0; round < 3; round += 1) {
      way.loseNext();
      tokens = await service.refresh({ refreshToken: refreshOf(tokens) });
    }
    expect(way.lost).toBe(4);
    expect((await service.sessions('ada')).map(({ id }) => id)).toEqual([tokens.session_id]);
  });

  it('that is full refuses, and changes nothing', async () => {
    const { service, redis, clock } = await open({ maxSessions: 1 });
    const tokens = await service.issue({ subject: 'ada' });
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const refreshToken = refreshOf(tokens);
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe(away);
    expect(await outcomeOf(service.issue({ subject: 'ada' }))).toBe(away);
    expect((await service.sessions('ada')).map(({ id }) => id)).toEqual([tokens.session_id]);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    clock.pass(1_000);
    expect(await outcomeOf(service.refresh({ refreshToken }))).toBe('done');
  });

  it('that has forgotten the scripts is sent them again', async () => {
    const { service, redis } = await open();
    let tokens = await service.issue({ subject: 'ada' });
    for (let round = 0; round < 3; round += 1) {
      await redis.command('SCRIPT', 'FLUSH');
      tokens = await service.refresh({ refreshToken: refreshOf(tokens) });
      await service.issue({ subject: 'ada' });
    }
    await redis.command('SCRIPT', 'FLUSH');
    expect(await service.logoutAll('ada')).toBe(4);
  });

  it('that wants another password, or is not there, is told of without secrets', async () => {
    const redis = await startRedis({ password: 'right' });
    for (const url of [
      redis.url.replace('right', 'wrong-secret'),
      redis.url.replace(':right@', ''),
      'redis://:wrong-secret@127.0.0.1:1',
    ]) {
      const { service } = makeService({ store: redisStore(url) });
      const error = await service.issue({ subject: 'ada' }).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: away, status: 503 });
      expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain('secret');
    }
  });
});

interface Way {
  readonly port: number;
  /** Answers that were lost. */
  readonly lost: number;
  /** Cuts the connection instead of the answer to the next script. */
  loseNext(): void;
}

/** A way to Redis on which an answer can be lost after the server did what it was asked. */
async function startWay(to: number): Promise<Way> {
  let [lost, isArmed] = [0, false];
  const server = createServer((client) => {
    const redis = connect(to, '127.0.0.1');
    let isCut = false;
    const end = (): void => {
      client.destroy();
      redis.destroy();
    };
    client.on('data', (bytes) => {
      isCut ||= isArmed && /eval/i.test(bytes.toString('latin1'));
      redis.write(bytes);
    });
    redis.on('data', (bytes) => {
      if (!isCut) return void client.write(bytes);
      isArmed = false;
      lost += 1;
      end();
    });
    for (const socket of [client, redis]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return {
    port: (server.address() as AddressInfo).port,
    get lost() {
      return lost;
    },
    loseNext: () => {
      isArmed = true;
    },
  };
}

it('a cluster keeps each subject on one node, also while its slot moves', async () => {
  const cluster = await startCluster();
  const { service } = makeService({ store: redisStore(cluster.url) });
  const subjects = Array.from({ length: 12 }, (_, at) => `subject-${at}`);
  const first = await Promise.all(subjects.map((subject) => service.issue({ subject, scope: subject })));
  const slots = await Promise.all(first.map((tokens) => cluster.slotOf(`{${tagOf(sessionOf(tokens))}}`)));
  expect(new Set(slots.map((slot) => Math.floor(slot / 5461))).size).toBe(3);
  const second = await Promise.all(
    first.map((tokens) => service.refresh({ refreshToken: refreshOf(tokens) })),
  );
  for (const slot of slots.slice(0, 3)) {
    const owner = await cluster.ownerOf(slot);
    await cluster.moveSlot(slot, cluster.nodes.find((node) => node !== owner) as RedisServer);
  }
  const third = await Promise.all(
    second.map((tokens) => service.refresh({ refreshToken: refreshOf(tokens) })),
  );
  expect(third.map(({ scope }) => scope)).toEqual(subjects);
  const old = await Promise.all(
    second.map((tokens) => outcomeOf(service.refresh({ refreshToken: refreshOf(tokens) }))),
  );
  expect(new Set(old)).toEqual(new Set(['invalid_grant']));
  const left = await Promise.all(subjects.map((subject) => service.sessions(subject)));
  expect(left.flat()).toEqual([]);
});

it('behind Sentinels goes on after a failover', async () => {
  const set = await startSentinel();
  const { service } = makeService({ store: redisStore(set.url) });
  const tokens = await service.issue({ subject: 'ada' });
  const [first, replica] = set.servers;
  await until('the replica to have the session', async () => (await replica.command('DBSIZE')).includes('1'));
  await set.failover();
  // What would be written to the old primary until it follows is lost.
  await first.kill();
  const refreshToken = refreshOf(tokens);
  const next = await until('the service to follow', () =>
    service.refresh({ refreshToken }).catch(() => null),
  );
  expect(await outcomeOf(service.refresh({ refreshToken: refreshOf(next) }))).toBe('done');
});

it.each([
  ['no URL', () => redisStore('localhost')],
  ['another scheme', () => redisStore('http://127.0.0.1')],
  ['a prefix that a cluster would read', () => redisStore('redis://127.0.0.1', { prefix: '{a}' })],
])('is not made with %s', (_, make) => {
  expect(make).toThrow(TypeError);
});
