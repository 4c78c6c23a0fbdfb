// A token issuer on loopback: keys made here, tokens signed by node:crypto, and a key-set endpoint that a test can break.
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: Record<string, unknown>;
}

export interface TokenOptions {
  readonly key?: SigningKey;
  /** Added to the header; undefined takes a member out. */
  readonly header?: Record<string, unknown>;
}

export interface Issuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** The keys that the endpoint gives now. */
  keys: SigningKey[];
  /** What the endpoint does; default: answers with `keys`. */
  answer: RequestListener;
  /** Requests for the key set so far. */
  readonly fetches: number;
  /** A token for an hour, `claims` over `{iss, aud: 'test', sub: 'ada', exp}`; undefined takes a claim out. */
  token(claims?: Record<string, unknown>, options?: TokenOptions): string;
}

const made = new Map<string, SigningKey>();

/** The 2048-bit key of this id; made once per process. */
export function signingKey(kid: string): SigningKey {
  const known = made.get(kid);
  if (known !== undefined) return known;
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
  const key = { kid, privateKey, jwk };
  made.set(kid, key);
  return key;
}

/** A compact RS256 token; members that are undefined are left out. */
export function signToken(key: SigningKey, claims: object, header: object = {}): string {
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${text({ alg: 'RS256', typ: 'JWT', kid: key.kid, ...header })}.${text(claims)}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(key.privateKey, 'base64url')}`;
}

/** The claims of a token that is good for an hour. */
export function goodClaims(issuer: string): Record<string, unknown> {
  return { iss: issuer, aud: 'test', sub: 'ada', exp: Math.floor(Date.now() / 1000) + 3600 };
}

/** Starts an issuer with the key `main`; it is stopped when the test ends. */
export async function startIssuer(): Promise<Issuer> {
  let fetches = 0;
  const server = createServer((request, response) => {
    fetches += 1;
    held.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const held: Issuer = {
    issuer: url,
    jwksUrl: `${url}/jwks.json`,
    keys: [signingKey('main')],
    answer: (_, response) => {
      response.setHeader('Content-Type', 'application/jwk-set+json');
      response.end(JSON.stringify({ keys: held.keys.map((key) => key.jwk) }));
    },
    get fetches() {
      return fetches;
    },
    token: (claims = {}, { key = signingKey('main'), header = {} } = {}) =>
      signToken(key, { ...goodClaims(url), ...claims }, header),
  };
  return held;
}
