// Sources of keys other than a URL of a set: discovery, the environment, a function of the application, and what text is taken for keys.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyOrigin } from '../../src/config/key-set.ts';
import { metadataUrls } from '../../src/jwks/discovery.ts';
import { keySetOf } from '../../src/jwks/key-text.ts';
import { createKeySources, type KeySources } from '../../src/jwks/sources.ts';
import {
  heardLogger,
  type KeyServer,
  keySet,
  keys,
  observedSink,
  sourceOf,
  startKeyServer,
  status,
} from './support.ts';

let running: KeySources | undefined;
let sink = observedSink();
let logger = heardLogger();
const env: Record<string, string> = {};

beforeEach(() => {
  sink = observedSink();
  logger = heardLogger();
});

afterEach(() => {
  running?.close();
});

/** What came of the first load: what the sink saw, and the class of the failure if there was one. */
async function outcome(
  jwks: KeyOrigin,
  bounds: Parameters<typeof sourceOf>[2] = {},
): Promise<[string, unknown?]> {
  running = createKeySources([sourceOf('main', jwks, bounds)], sink, { logger, env });
  running.start();
  await sink.until(1);
  const failed = logger.lines.find(({ fields }) => 'class' in fields)?.fields['class'];
  return failed === undefined ? [sink.seen[0] ?? ''] : [sink.seen[0] ?? '', failed];
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

describe('text of keys', () => {
  const parsed = (text: string, kid?: string): { keys: Record<string, unknown>[] } =>
    JSON.parse(keySetOf(text, 'it', kid)) as { keys: Record<string, unknown>[] };

  it('is a set, or one key', () => {
    const set = keySet('a', 'b');
    expect(parsed(JSON.stringify({ ...set, more: 1 }))).toEqual(set);
    expect(parsed(JSON.stringify(set.keys[0]))).toEqual(keySet('a'));
  });

  it.each([
    ['rsa', { modulusLength: 2048 }, { kty: 'RSA' }],
    ['ec', { namedCurve: 'P-256' }, { kty: 'EC', crv: 'P-256' }],
    ['ed25519', {}, { kty: 'OKP', crv: 'Ed25519' }],
  ])('is PEM of %s, with the kid that is given or the thumbprint', (type, options, kind) => {
    const { publicKey } = generateKeyPairSync(type as 'rsa', options as { modulusLength: number });
    const text = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const jwk = publicKey.export({ format: 'jwk' });
    expect(parsed(text, 'k1').keys).toEqual([{ ...jwk, ...kind, kid: 'k1', use: 'sig' }]);
    expect(parsed(text).keys[0]?.['kid']).toMatch(/^[\w-]{43}$/);
  });

  it('is several keys in PEM, each with its thumbprint', () => {
    const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
    const found = parsed(`# ours\n${pem}\n${other}`, 'ignored').keys;
    expect(found.map(({ kty }) => kty)).toEqual(['RSA', 'OKP']);
    expect(new Set(found.map(({ kid }) => kid)).size).toBe(2);
  });

  it('has the thumbprint of RFC 7638 section 3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    const text = key.export({ type: 'spki', format: 'pem' }).toString();
    expect(parsed(text).keys[0]?.['kid']).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it.each([
    ['', 'it is neither JSON nor PEM'],
    ['{"keys":1}', 'it is no JSON Web Key Set'],
    ['[]', 'it is no JSON Web Key Set'],
    ['-----BEGIN PUBLIC KEY-----', 'it holds no whole PEM block'],
    ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'it holds PEM that is no public key'],
    [
      rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'it holds a private key; only public keys belong there',
    ],
    ['x'.repeat(524_289), 'it is longer than 524288 bytes'],
  ])('%.30j is refused', (text, message) => {
    expect(() => keySetOf(text, 'it')).toThrow(message);
  });
});

describe('the environment', () => {
  it('holds a set, or PEM with a kid', async () => {
    env['KEYS'] = JSON.stringify(keySet('k1', 'k2'));
    env['PEM'] = pem;
    expect(await outcome({ env: 'KEYS' })).toEqual(['main: k1,k2']);
    running?.close();
    sink = observedSink();
    expect(await outcome({ env: 'PEM', kid: 'p1' })).toEqual(['main: p1']);
  });

  it('that holds none is told by name, never by value', async () => {
    env['EMPTY'] = ' ';
    env['WRONG'] = 'hunter2';
    for (const [name, reason] of [
      ['UNSET', 'missing'],
      ['EMPTY', 'missing'],
      ['constructor', 'missing'],
      ['WRONG', 'malformed'],
    ] as const) {
      sink = observedSink();
      logger = heardLogger();
      expect(await outcome({ env: name })).toEqual(['main failed', reason]);
      expect(JSON.stringify(logger.lines)).toContain(name);
      expect(JSON.stringify(logger.lines)).not.toContain('hunter2');
    }
  });
});

describe('a function of the application', () => {
  const given = (load: (options: { signal: AbortSignal }) => unknown): KeyOrigin => ({
    load: load as Extract<KeyOrigin, { load: unknown }>['load'],
  });

  it.each([
    ['a set', () => keySet('k1')],
    ['a promise of a set', async () => keySet('k1')],
    ['text of a set', async () => JSON.stringify(keySet('k1'))],
  ])('gives %s', async (_, load) => {
    expect(await outcome(given(load))).toEqual(['main: k1']);
  });

  it.each([
    ['nothing', () => undefined, 'malformed'],
    ['no set', () => ({ keys: 'none' }), 'malformed'],
    ['what cannot be written', () => ({ keys: [1n] }), 'malformed'],
    [
      'an error',
      () => {
        throw new Error('the key service is away');
      },
      'loader',
    ],
    ['a rejection that is no error', () => Promise.reject('away'), 'loader'],
    [
      'what cannot even be shown',
      () => {
        throw { toString: null };
      },
      'loader',
    ],
  ])('that gives %s counts as a failure', async (_, load, reason) => {
    expect(await outcome(given(load))).toEqual(['main failed', reason]);
  });

  it('has its time, and is told when it is over', async () => {
    let told: unknown;
    const load = ({ signal }: { signal: AbortSignal }): Promise<never> => {
      signal.addEventListener('abort', () => {
        told = (signal.reason as Error).message;
      });
      return new Promise(() => {});
    };
    expect(await outcome(given(load), { fetchTimeoutMs: 30 })).toEqual(['main failed', 'timeout']);
    expect(told).toBe('nothing whole came within 30 ms');
  });

  it('is unheard once closed, also when it fails then', async () => {
    let fail = (_: Error): void => {};
    const load = (): Promise<never> =>
      new Promise((_, reject) => {
        fail = reject;
      });
    running = createKeySources([sourceOf('main', given(load))], sink, { logger, env });
    running.start();
    running.close();
    fail(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([sink.seen, logger.lines]).toEqual([[], []]);
  });

  it('that is another one after a reload is called', async () => {
    const first = sourceOf(
      'main',
      given(() => keySet('k1')),
    );
    running = createKeySources([first], sink, { logger, env });
    running.start();
    await sink.until(1);
    running.update([{ ...first, refreshCooldownMs: 1 }]);
    running.update([
      sourceOf(
        'main',
        given(() => keySet('k2')),
      ),
    ]);
    await sink.until(3);
    expect(sink.seen).toEqual(['main: k1', 'main failed', 'main: k2']);
  });
});

describe('discovery', () => {
  let server: KeyServer;
  let origin = '';
  const asked: string[] = [];
  let metadata: Record<string, unknown> = {};
  let missing = '';

  beforeEach(async () => {
    asked.length = 0;
    missing = 'none';
    server = await startKeyServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/jwks.json') keys('k1')(request, response);
      else if (request.url?.includes(missing)) status(404)(request, response);
      else response.end(JSON.stringify(metadata));
    });
    origin = new URL(server.url).origin;
    metadata = { issuer: origin, jwks_uri: server.url };
    return () => server.close();
  });

  const discover = (from = origin, more = {}): Promise<[string, unknown?]> =>
    outcome({ discovery: from }, { issuer: origin, ...more });

  it('reads the metadata of OpenID Connect, then the set', async () => {
    expect(await discover()).toEqual(['main: k1']);
    expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks.json']);
  });

  it('reads the metadata of RFC 8414 where there is no other', async () => {
    missing = 'openid-configuration';
    expect(await discover(`${origin}/tenant/`)).toEqual(['main: k1']);
    expect(asked).toEqual([
      '/tenant/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/tenant',
      '/jwks.json',
    ]);
  });

  it.each([
    ['https://id.example', ['https://id.example/.well-known/openid-configuration']],
    ['https://id.example/a/b/', ['https://id.example/a/b/.well-known/openid-configuration']],
    ['https://id.example/.well-known/x', ['https://id.example/.well-known/x']],
  ])('of %s is at %j first', (from, first) => {
    expect(metadataUrls(from).slice(0, 1)).toEqual(first);
  });

  it.each([
    ['another issuer', () => ({ issuer: `${origin}/`, jwks_uri: server.url }), 'refused'],
    ['no issuer', () => ({ jwks_uri: server.url }), 'refused'],
    ['no set', () => ({ issuer: origin }), 'malformed'],
    ['a set over plain http', () => ({ issuer: origin, jwks_uri: 'http://id.example/keys' }), 'refused'],
    ['a set in a file', () => ({ issuer: origin, jwks_uri: 'file:///etc/passwd' }), 'refused'],
  ])('that names %s counts as a failure', async (_, found, reason) => {
    metadata = found();
    expect(await discover()).toEqual(['main failed', reason]);
    expect(asked).not.toContain('/jwks.json');
  });

  it.each([
    ['a redirect', status(301, { Location: '/' }), 'redirect', 1],
    ['an error', status(500), 'unavailable', 1],
    ['a refusal', status(403), 'denied', 1],
    ['nothing anywhere', status(404), 'missing', 2],
    ['HTML', (_: unknown, response: { end(text: string): void }) => response.end('<html>'), 'malformed', 1],
  ])('that meets %s counts as a failure', async (_, answer, reason, requests) => {
    server.answer = answer as KeyServer['answer'];
    expect(await discover()).toEqual(['main failed', reason]);
    // Only what is not there is looked for in the other place.
    expect(server.requests).toBe(requests);
  });

  it('has one time for both fetches', async () => {
    server.answer = (request, response) => {
      if (request.url !== '/jwks.json') response.end(JSON.stringify(metadata));
    };
    expect(await discover(origin, { fetchTimeoutMs: 40 })).toEqual(['main failed', 'timeout']);
  });
});
