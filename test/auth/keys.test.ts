// The life of signing keys by a clock turned by hand: published before they sign, kept until their last token has expired.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  keySigner,
  type Signer,
  type SignerKey,
  type TokenResponse,
  type TokenService,
} from '../../src/auth/index.ts';
import { schedule } from '../../src/auth/key-schedule.ts';
import { MAX_KEYS } from '../../src/auth/signer.ts';
import { signingKey } from '../support/issuer.ts';
import { type Clock, makeService, outcomeOf } from './support.ts';

const minute = 60_000;
const policy = { publishAheadMs: 10 * minute, keepMs: 10 * minute };

function key(kid: string, createdAt: number | null): SignerKey {
  return { kid, createdAt, publicKey: {} };
}

/** `kid:state` of each published key. */
function states(keys: readonly SignerKey[], now: number): string {
  return schedule(keys, policy, now)
    .map((one) => `${one.key.kid}:${one.state}`)
    .join(' ');
}

describe('the schedule of keys', () => {
  const dated = [key('b', 30 * minute), key('a', 0), key('c', 60 * minute)];

  it.each([
    [0, 'a:signing b:next c:next'],
    [40 * minute - 1, 'a:signing b:next c:next'],
    [40 * minute, 'a:retired b:signing c:next'],
    [50 * minute - 1, 'a:retired b:signing c:next'],
    [50 * minute, 'b:signing c:next'],
    [70 * minute, 'b:retired c:signing'],
    [80 * minute, 'c:signing'],
    [8_000 * minute, 'c:signing'],
  ])('at %d ms', (now, expected) => {
    expect(states(dated, now)).toBe(expected);
  });

  it('signs with the first of keys without a date, and publishes the others', () => {
    expect(states([key('a', null), key('old', null)], 5)).toBe('a:signing old:static');
    const turned = [key('a', null), key('old', null), key('b', 0)];
    expect(states(turned, 10 * minute - 1)).toBe('a:signing b:next old:static');
    expect(states(turned, 10 * minute)).toBe('a:retired b:signing old:static');
    expect(states(turned, 20 * minute)).toBe('b:signing old:static');
  });

  it('has one key that signs at any time', () => {
    for (let now = -minute; now < 100 * minute; now += 7_919) {
      const signing = schedule(dated, policy, now).filter(({ state }) => state === 'signing');
      expect(signing.length).toBe(1);
    }
  });
});

/** The kid that signs now, and those that are published. */
async function seen(service: TokenService): Promise<{ signs: string; published: string[] }> {
  const { access_token: token } = await service.issue({ subject: 'ada' });
  const { keys } = await service.jwks();
  return { signs: kidOf(token), published: keys.map(({ kid }) => kid) };
}

function kidOf(token: string): string {
  const [header = ''] = token.split('.');
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid;
}

/** A signer whose new keys have kids of their own and, because making one takes long, the same private key. */
function turning(): Signer {
  const own = keySigner(signingKey('main').privateKey);
  const dated: { kid: string; createdAt: number }[] = [];
  return {
    keys: async () => {
      const [first] = await own.keys();
      if (first === undefined) throw new Error('no key');
      return [first, ...dated.map((more) => ({ ...first, ...more }))];
    },
    sign: async (data) => own.sign(data, (await own.keys())[0]?.kid ?? ''),
    rotate: async (now, published) => {
      const stays = dated.filter(({ kid }) => published.includes(kid));
      dated.splice(0, dated.length, ...stays, { kid: `key-${now}-${stays.length}`, createdAt: now });
    },
  };
}

describe('the rotation of keys', () => {
  it('publishes a new key, signs with it later, and keeps the old one for its tokens', async () => {
    const { service, clock } = makeService({ publishAhead: '10m', accessTokenTtl: '5m' });
    const start = clock.now;
    const { signs: old } = await seen(service);
    const told = await service.rotateKey();
    const fresh = told[1]?.kid as string;
    expect(told).toEqual([
      {
        kid: old,
        state: 'signing',
        signsFrom: null,
        signsUntil: start + 10 * minute,
        publishedUntil: start + 20 * minute,
      },
      {
        kid: fresh,
        state: 'next',
        signsFrom: start + 10 * minute,
        signsUntil: null,
        publishedUntil: null,
      },
    ]);
    clock.now = start + 10 * minute - 1;
    expect(await seen(service)).toEqual({ signs: old, published: [old, fresh] });
    clock.now = start + 10 * minute;
    expect(await seen(service)).toEqual({ signs: fresh, published: [old, fresh] });
    clock.now = start + 20 * minute;
    expect(await seen(service)).toEqual({ signs: fresh, published: [fresh] });
  });

  it('leaves no moment at which a good token does not verify, by any set that is as old as its max-age', async () => {
    const { service, clock } = makeService({ signer: turning(), publishAhead: '10m' });
    const tokens: { token: TokenResponse; until: number }[] = [];
    const sets: { at: number; keys: Awaited<ReturnType<TokenService['jwks']>>['keys'] }[] = [];
    for (let step = 0; step < 60; step += 1) {
      if (step % 15 === 3) await service.rotateKey();
      tokens.push({ token: await service.issue({ subject: 'ada' }), until: clock.now + 5 * minute });
      sets.push({ at: clock.now, keys: (await service.jwks()).keys });
      const good = tokens.filter(({ until }) => clock.now < until);
      for (const set of sets.filter(({ at }) => at >= clock.now - 5 * minute))
        for (const { token } of good) await verified(token, set.keys, clock);
      clock.pass(minute);
    }
    expect(new Set(tokens.map(({ token }) => kidOf(token.access_token))).size).toBe(5);
  });

  it('stops at the bound, and goes on when old keys have left', async () => {
    const { service, clock } = makeService({ signer: turning(), publishAhead: '0s' });
    for (let made = 1; made < MAX_KEYS; made += 1) await service.rotateKey();
    await expect(service.rotateKey()).rejects.toThrow(`${MAX_KEYS} keys are published already`);
    clock.pass(10 * minute);
    expect((await service.rotateKey()).length).toBe(2);
  });

  it('follows dated keys that every process is given', async () => {
    const createdAt = 1_800_000_000_000;
    const keys = [
      { key: signingKey('main').privateKey, createdAt: new Date(createdAt - 1_000_000), kid: 'one' },
      { key: signingKey('other').privateKey, createdAt, kid: 'two' },
    ];
    const { service, clock } = makeService({ signer: keys });
    expect(await seen(service)).toEqual({ signs: 'one', published: ['one', 'two'] });
    clock.pass(10 * minute);
    expect((await seen(service)).signs).toBe('two');
  });
});

describe('keys that come from elsewhere', () => {
  it('are read again, without anybody waiting for them, and kept while they cannot be had', async () => {
    const own = keySigner(signingKey('main').privateKey);
    let [asked, isAway] = [0, false];
    const signer = {
      sign: own.sign.bind(own),
      keys: async () => {
        asked += 1;
        if (isAway) throw new Error('away');
        return own.keys();
      },
    };
    const { service, clock } = makeService({ signer });
    for (let round = 0; round < 5; round += 1) await seen(service);
    expect(asked).toBe(1);
    clock.pass(minute);
    await seen(service);
    expect(asked).toBe(2);
    isAway = true;
    clock.pass(60 * minute);
    await seen(service);
    await seen(service);
    expect(asked).toBe(3);
    await expect(service.rotateKey()).rejects.toThrow('makes no keys');
  });

  it('are waited for where there are none yet', async () => {
    const own = keySigner(signingKey('main').privateKey);
    let isAway = true;
    const keys = async () => (isAway ? Promise.reject(new Error('away')) : own.keys());
    const { service } = makeService({ signer: { keys, sign: own.sign.bind(own) } });
    expect(await outcomeOf(service.jwks())).toBe('ERR_FG_SIGNER_UNAVAILABLE');
    isAway = false;
    expect((await service.jwks()).keys.length).toBe(1);
  });
});

async function verified(token: TokenResponse, keys: readonly object[], clock: Clock): Promise<void> {
  const set = createLocalJWKSet({ keys: [...keys] as never });
  await jwtVerify(token.access_token, set, { currentDate: new Date(clock.now) });
}
