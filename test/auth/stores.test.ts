// What a store does, by one table of behaviour for both: rotation, reuse, expiry, lists, bounds.
import { expect, it } from 'vitest';
import { firstToken, type RefreshToken, successorOf } from '../../src/auth/refresh-token.ts';
import type { Rotation, StoredSession } from '../../src/auth/store.ts';
import { forEachStore } from './support.ts';

const start = 1_800_000_000_000;
const hour = 3_600_000;

function sessionOf(token: RefreshToken, more: Partial<StoredSession> = {}): StoredSession {
  return {
    id: token.session,
    subject: 'ada',
    client: 'app one%',
    scope: 'a b',
    device: 'Łaptop\n"1"',
    claims: { roles: ['x'], none: [], deep: { '': null } },
    createdAt: start,
    expiresAt: start + 10 * hour,
    deadline: start + hour,
    lastUsedAt: start,
    ip: '2001:db8::1',
    current: token.hash,
    ...more,
  };
}

function use(token: RefreshToken, next: RefreshToken, more: Partial<Rotation> = {}): Rotation {
  return {
    id: token.session,
    client: 'app one%',
    presented: token.hash,
    next: next.hash,
    sealed: null,
    now: start + 1,
    reuseMs: 0,
    deadline: start + 2 * hour,
    ip: null,
    ...more,
  };
}

forEachStore('a store', (open) => {
  it('gives a session back as it was put in, until its deadline', async () => {
    const store = open();
    const session = sessionOf(firstToken('ada'));
    expect(await store.create(session, 5, start)).toEqual([]);
    expect(await store.find(session.id, start)).toEqual(session);
    expect(await store.find(session.id, start + hour - 1)).toEqual(session);
    expect(await store.find(session.id, start + hour)).toBeNull();
    expect(await store.list('ada', start + hour)).toEqual([]);
  });

  it('knows no other session', async () => {
    const store = open();
    expect(await store.find(firstToken('ada').session, start)).toBeNull();
    expect(await store.list('ada', start)).toEqual([]);
    expect(await store.remove(firstToken('ada').session)).toBe(false);
    expect(await store.removeAll('ada')).toEqual([]);
    const token = firstToken('ada');
    expect(await store.rotate(use(token, successorOf(token)))).toEqual({ kind: 'unknown' });
  });

  it('spends the good token, moves the deadline, and keeps what does not change', async () => {
    const store = open();
    const token = firstToken('ada');
    const next = successorOf(token);
    const session = sessionOf(token);
    await store.create(session, 5, start);
    expect(await store.rotate(use(token, next))).toEqual({ kind: 'rotated' });
    const after = { ...session, current: next.hash, lastUsedAt: start + 1, deadline: start + 2 * hour };
    expect(await store.find(session.id, start + 1)).toEqual(after);
    const last = successorOf(next);
    const far = use(next, last, { now: start + 2, deadline: start + 20 * hour, ip: '192.0.2.7' });
    expect(await store.rotate(far)).toEqual({ kind: 'rotated' });
    expect(await store.find(session.id, start + 9 * hour)).toEqual({
      ...session,
      current: last.hash,
      lastUsedAt: start + 2,
      deadline: session.expiresAt,
      ip: '192.0.2.7',
    });
    expect(await store.find(session.id, start + 10 * hour)).toBeNull();
  });

  it('does the same rotation once, however often it is asked', async () => {
    const store = open();
    const token = firstToken('ada');
    const next = successorOf(token);
    await store.create(sessionOf(token), 5, start);
    expect(await store.rotate(use(token, next))).toEqual({ kind: 'rotated' });
    expect(await store.rotate(use(token, next))).toEqual({ kind: 'rotated' });
    expect((await store.find(token.session, start))?.current).toBe(next.hash);
  });

  it('ends the session at the use of any spent token', async () => {
    for (const spent of [0, 1, 2]) {
      const store = open();
      const tokens = [firstToken('ada')];
      await store.create(sessionOf(tokens[0] as RefreshToken), 5, start);
      for (let at = 0; at < 3; at += 1) {
        tokens.push(successorOf(tokens[at] as RefreshToken));
        await store.rotate(use(tokens[at] as RefreshToken, tokens[at + 1] as RefreshToken));
      }
      const old = tokens[spent] as RefreshToken;
      expect(await store.rotate(use(old, successorOf(old)))).toEqual({ kind: 'reused' });
      expect(await store.find(old.session, start)).toBeNull();
      const last = tokens[3] as RefreshToken;
      expect(await store.rotate(use(last, successorOf(last)))).toEqual({ kind: 'unknown' });
    }
  });

  it('gives the successor again for the last spent token, for a moment and until that is used', async () => {
    const store = open();
    const token = firstToken('ada');
    const next = successorOf(token);
    await store.create(sessionOf(token), 5, start);
    await store.rotate(use(token, next, { sealed: 'sealed-1', reuseMs: 1_000 }));
    const again = { sealed: 'sealed-x', reuseMs: 1_000 };
    expect(await store.rotate(use(token, successorOf(token), { ...again, now: start + 1_000 }))).toEqual({
      kind: 'again',
      sealed: 'sealed-1',
    });
    expect((await store.find(token.session, start))?.current).toBe(next.hash);
    await store.rotate(use(next, successorOf(next), { ...again, now: start + 500 }));
    expect(await store.rotate(use(token, successorOf(token), { ...again, now: start + 501 }))).toEqual({
      kind: 'reused',
    });
  });

  it('gives it no longer than that, and never where nothing was sealed', async () => {
    for (const [sealed, now] of [
      ['sealed', start + 1_001],
      [null, start + 2],
    ] as const) {
      const store = open();
      const token = firstToken('ada');
      await store.create(sessionOf(token), 5, start);
      await store.rotate(use(token, successorOf(token), { sealed, reuseMs: 1_000 }));
      const second = use(token, successorOf(token), { sealed: 'x', reuseMs: 1_000, now });
      expect(await store.rotate(second)).toEqual({ kind: 'reused' });
    }
  });

  it("leaves another client's session as it is", async () => {
    const store = open();
    const token = firstToken('ada');
    await store.create(sessionOf(token), 5, start);
    const foreign = use(token, successorOf(token), { client: 'app one' });
    expect(await store.rotate(foreign)).toEqual({ kind: 'foreign' });
    expect((await store.find(token.session, start))?.current).toBe(token.hash);
  });

  it('does not rotate what is over', async () => {
    const store = open();
    const token = firstToken('ada');
    await store.create(sessionOf(token), 5, start);
    const late = use(token, successorOf(token), { now: start + hour });
    expect(await store.rotate(late)).toEqual({ kind: 'unknown' });
  });

  it('lists the sessions of a subject, the one used last first, and ends one, all, or all but one', async () => {
    const store = open();
    const tokens = ['ada', 'ada', 'ada', 'bob'].map(firstToken);
    for (const [at, token] of tokens.entries()) {
      const more = { subject: at === 3 ? 'bob' : 'ada', lastUsedAt: start + at };
      await store.create(sessionOf(token, more), 5, start);
    }
    const [one = '', two = '', three = '', other = ''] = tokens.map(({ session }) => session);
    const ids = async (subject: string) => (await store.list(subject, start)).map(({ id }) => id);
    expect(await ids('ada')).toEqual([three, two, one]);
    expect(await store.remove(two)).toBe(true);
    expect(await store.remove(two)).toBe(false);
    expect(await store.removeAll('ada', three)).toEqual([one]);
    expect(await ids('ada')).toEqual([three]);
    expect(await store.removeAll('ada')).toEqual([three]);
    expect(await ids('ada')).toEqual([]);
    expect(await ids('bob')).toEqual([other]);
  });

  it('lets those leave that were used longest ago, but nobody for sessions that are over', async () => {
    const store = open();
    const tokens = Array.from({ length: 5 }, () => firstToken('ada'));
    const ids = tokens.map(({ session }) => session);
    const made = (at: number, more: Partial<StoredSession>) => sessionOf(tokens[at] as RefreshToken, more);
    expect(await store.create(made(0, { lastUsedAt: start + 3 }), 3, start)).toEqual([]);
    expect(await store.create(made(1, { lastUsedAt: start + 1 }), 3, start)).toEqual([]);
    expect(await store.create(made(2, { deadline: start + 5 }), 3, start)).toEqual([]);
    expect(await store.create(made(3, { lastUsedAt: start + 6 }), 3, start + 6)).toEqual([]);
    expect(await store.create(made(4, { lastUsedAt: start + 7 }), 2, start + 7)).toEqual([ids[0], ids[1]]);
    expect((await store.list('ada', start + 7)).map(({ id }) => id)).toEqual([ids[4], ids[3]]);
  });

  it('adds a session once, however often it is asked', async () => {
    const store = open();
    const session = sessionOf(firstToken('ada'));
    await store.create(session, 1, start);
    expect(await store.create(session, 1, start)).toEqual([]);
    expect(await store.list('ada', start)).toEqual([session]);
  });
});
