// A token service for one test: its clock is turned by hand, its keys are made once, and its store is memory or a real Redis.
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import {
  createTokenService,
  memoryStore,
  type RevokedTokens,
  redisStore,
  type TokenResponse,
  type TokenService,
  type TokenServiceOptions,
  type TokenStore,
} from '../../src/auth/index.ts';
import { signingKey } from '../support/issuer.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

export const issuer = 'https://id.example';

/** A clock that a test turns. */
export interface Clock {
  now: number;
  pass(ms: number): void;
}

export function clockAt(now = 1_800_000_000_000): Clock {
  const clock = {
    now,
    pass: (ms: number) => {
      clock.now += ms;
    },
  };
  return clock;
}

export interface TestService {
  readonly service: TokenService;
  readonly clock: Clock;
  /** What `onRevoked` was told. */
  readonly revoked: RevokedTokens[];
}

/** A service with the key `main`; closed when the test ends. */
export function makeService(options: Partial<TokenServiceOptions> = {}): TestService {
  const clock = clockAt();
  const revoked: RevokedTokens[] = [];
  const service = createTokenService({
    issuer,
    audience: 'test',
    signer: signingKey('main').privateKey,
    store: memoryStore(),
    clock: () => clock.now,
    onRevoked: (tokens) => {
      revoked.push(tokens);
    },
    ...options,
  });
  onTestFinished(() => service.close());
  return { service, clock, revoked };
}

/** The refresh token of an answer. */
export function refreshOf(tokens: TokenResponse): string {
  if (tokens.refresh_token === undefined) throw new Error('the answer has no refresh token');
  return tokens.refresh_token;
}

/** The session of an answer. */
export function sessionOf(tokens: TokenResponse): string {
  if (tokens.session_id === undefined) throw new Error('the answer has no session');
  return tokens.session_id;
}

/** The claims of a token, unverified. */
export function claimsOf(tokens: TokenResponse): Record<string, unknown> {
  const [, payload = ''] = tokens.access_token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

/** What a refusal says, or `done`. */
export async function outcomeOf(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return 'done';
  } catch (error) {
    const { error: name, code } = error as { error?: string; code?: string };
    if (name === undefined && code === undefined) throw error;
    return name ?? code ?? '';
  }
}

let prefixes = 0;

/** Runs the same tests with each store; `open` makes one that no other test sees. */
export function forEachStore(name: string, tests: (open: () => TokenStore) => void): void {
  describe.each(['memory', 'redis'] as const)(`${name}, %s`, (kind) => {
    let server: RedisServer | undefined;
    if (kind === 'redis') {
      beforeAll(async () => {
        server = await startRedis();
      });
      afterAll(() => server?.stop());
    }
    tests(() => {
      prefixes += 1;
      const store =
        server === undefined ? memoryStore() : redisStore(server.url, { prefix: `test${prefixes}:` });
      onTestFinished(() => store.close());
      return store;
    });
  });
}
