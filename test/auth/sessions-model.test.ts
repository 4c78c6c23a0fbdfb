// Random lives of sessions against a model that keeps every token it has seen in a list.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TokenService, TokenStore } from '../../src/auth/index.ts';
import { type Clock, forEachStore, makeService, outcomeOf, refreshOf, sessionOf } from './support.ts';

const second = 1_000;
const reuseMs = 5 * second;
const idleMs = 3_600 * second;
const lifeMs = 3 * idleMs;
const maxSessions = 3;

interface ModelSession {
  readonly id: string;
  readonly subject: string;
  readonly end: number;
  deadline: number;
  usedAt: number;
  /** Every token of the session, in order; the last one is good. */
  readonly tokens: string[];
  rotatedAt: number;
}

/** What there is to know, kept in the plainest way. */
class Model {
  sessions: ModelSession[] = [];

  live(now: number): ModelSession[] {
    return this.sessions.filter(({ deadline }) => now < deadline);
  }

  add(session: ModelSession, now: number): void {
    const own = this.live(now).filter(({ subject }) => subject === session.subject);
    own.sort((one, other) => other.usedAt - one.usedAt || (one.id < other.id ? -1 : 1));
    const leaving = own.slice(maxSessions - 1);
    this.sessions = [...this.sessions.filter((one) => !leaving.includes(one)), session];
  }

  /** `again` with the successor, `rotated`, or a refusal after which the session may be gone. */
  use(token: string, now: number, isStrict: boolean): 'rotated' | 'again' | 'refused' {
    const session = this.live(now).find(({ tokens }) => tokens.includes(token));
    if (session === undefined) return 'refused';
    const fromEnd = session.tokens.length - 1 - session.tokens.indexOf(token);
    if (fromEnd === 0) return 'rotated';
    if (fromEnd === 1 && !isStrict && now < session.rotatedAt + reuseMs) return 'again';
    this.drop(session.id);
    return 'refused';
  }

  drop(id: string): void {
    this.sessions = this.sessions.filter((one) => one.id !== id);
  }
}

type Step =
  | { readonly kind: 'issue'; readonly subject: string }
  | { readonly kind: 'refresh'; readonly pick: number; readonly back: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'logout'; readonly pick: number }
  | { readonly kind: 'logoutAll'; readonly subject: string };

const subject = fc.constantFrom('ada', 'bob');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('issue' as const), subject }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('refresh' as const),
      pick: fc.nat(50),
      back: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 5),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 999, reuseMs - 1, reuseMs, idleMs / 2, idleMs - 1, idleMs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('logout' as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('logoutAll' as const), subject }) },
);

class Run {
  readonly #service: TokenService;
  readonly #clock: Clock;
  readonly #isStrict: boolean;
  readonly #model = new Model();
  /** Every session there ever was, ended ones too: their tokens are tried as well. */
  readonly #known: ModelSession[] = [];

  constructor(service: TokenService, clock: Clock, isStrict: boolean) {
    this.#service = service;
    this.#clock = clock;
    this.#isStrict = isStrict;
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'issue') await this.#issue(step.subject);
    else if (step.kind === 'refresh') await this.#refresh(step.pick, step.back);
    else if (step.kind === 'pass') this.#clock.pass(step.ms);
    else if (step.kind === 'logout') await this.#logout(step.pick);
    else {
      const own = this.#model.live(this.#clock.now).filter((one) => one.subject === step.subject);
      await this.#service.logoutAll(step.subject);
      for (const { id } of own) this.#model.drop(id);
    }
    for (const name of ['ada', 'bob']) await this.#compare(name);
  }

  async #issue(subject: string): Promise<void> {
    const { now } = this.#clock;
    const tokens = await this.#service.issue({ subject });
    const made: ModelSession = {
      id: sessionOf(tokens),
      subject,
      end: now + lifeMs,
      deadline: now + idleMs,
      usedAt: now,
      tokens: [refreshOf(tokens)],
      rotatedAt: 0,
    };
    this.#model.add(made, now);
    this.#known.push(made);
  }

  async #refresh(pick: number, back: number): Promise<void> {
    const session = this.#known[pick % Math.max(1, this.#known.length)];
    if (session === undefined) return;
    const { now } = this.#clock;
    const token = session.tokens[Math.max(0, session.tokens.length - 1 - back)] as string;
    const expected = this.#model.use(token, now, this.#isStrict);
    if (expected === 'refused') {
      expect(await outcomeOf(this.#service.refresh({ refreshToken: token }))).toBe('invalid_grant');
      return;
    }
    const got = refreshOf(await this.#service.refresh({ refreshToken: token }));
    if (expected === 'again') {
      expect(got).toBe(session.tokens.at(-1));
      return;
    }
    session.tokens.push(got);
    session.rotatedAt = now;
    session.usedAt = now;
    session.deadline = Math.min(session.end, now + idleMs);
  }

  async #logout(pick: number): Promise<void> {
    const session = this.#known[pick % Math.max(1, this.#known.length)];
    if (session === undefined) return;
    await this.#service.logout(session.id);
    this.#model.drop(session.id);
  }

  async #compare(subject: string): Promise<void> {
    const live = this.#model.live(this.#clock.now).filter((one) => one.subject === subject);
    const listed = await this.#service.sessions(subject);
    const expected = live.map(({ id, usedAt, deadline }) => ({
      id,
      lastUsedAt: usedAt,
      expiresAt: deadline,
    }));
    const shown = listed.map(({ id, lastUsedAt, expiresAt }) => ({ id, lastUsedAt, expiresAt }));
    const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1);
    expect(shown.sort(byId)).toEqual(expected.sort(byId));
  }
}

forEachStore('random lives of sessions', (open: () => TokenStore) => {
  it.each([
    ['strict', '0s'],
    ['with an interval of reuse', '5s'],
  ])('%s', { timeout: 60_000 }, async (name, reuseInterval) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { service, clock } = makeService({
          store: open(),
          refreshTokenTtl: '3h',
          refreshIdleTtl: '1h',
          maxSessions,
          reuseInterval,
        });
        const run = new Run(service, clock, name === 'strict');
        for (const one of steps) await run.take(one);
      }),
      { numRuns: 40 },
    );
  });
});
