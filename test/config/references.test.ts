// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the notation of references
// Secrets come from variables and files, and never out again.
import { describe, expect, it } from 'vitest';
import { maskConfig, parseConfig, parseRoute } from '../../src/config/index.ts';
import { hasReference } from '../../src/config/references.ts';
import { config, issuer, linesOf, route, secrets, upstream, wrong } from './support.ts';

const env = secrets(
  {
    PORT: '8081',
    THREADS: '3',
    LOOP: 'loop',
    HOST: 'orders.internal',
    KEY: 'sup3rs3cret',
    ODD: 'a"b',
    CRLF: 'a\r\nb',
  },
  { '/run/key': 'fr0mf1le\n', '/run/ca.pem': '-----BEGIN CERTIFICATE-----\n' },
);

describe('references', () => {
  it('stand for a part of a string, a number, or a whole file', () => {
    const parsed = parseConfig(
      config({
        listen: { port: '${PORT}', threads: '${THREADS}' },
        upstreams: { orders: { targets: ['https://${HOST}:9001'], tls: { ca: { file: '/run/ca.pem' } } } },
        routes: [
          route({
            headers: {
              set: { authorization: 'Bearer ${KEY}', 'x-key': { file: '/run/key' }, 'x-raw': '$${KEY}' },
            },
          }),
        ],
      }),
      env,
    );
    expect(parsed.listen.port).toBe(8081);
    expect(parsed.listen.threads).toBe(3);
    expect(parsed.base.upstreams[0]?.targets[0]?.url).toBe('https://orders.internal:9001');
    expect(parsed.base.upstreams[0]?.tls.caPem).toBe('-----BEGIN CERTIFICATE-----');
    expect(parsed.routes[0]?.headers.set).toEqual([
      ['authorization', 'Bearer sup3rs3cret'],
      ['x-key', 'fr0mf1le'],
      ['x-raw', '${KEY}'],
    ]);
    expect(parsed.files).toEqual(['/run/ca.pem', '/run/key']);
  });

  it('stand for a word where a number may stand too', () => {
    const parsed = parseConfig(config({ listen: { threads: '${LOOP}' } }), env);
    expect(parsed.listen.threads).toBe('loop');
  });

  it('work in a route of code', () => {
    const { known } = parseConfig(config());
    const plan = parseRoute(route({ headers: { set: { a: '${KEY}' } } }), { known, secrets: env });
    expect(plan.headers.set).toEqual([['a', 'sup3rs3cret']]);
  });

  it('leave an object with the name "file" alone where an object belongs', () => {
    const routes = [
      route({ headers: { set: { file: 'x' } } }),
      route({ id: 'b', claimHeaders: { file: 'sub' } }),
    ];
    const parsed = parseConfig(config({ routes }), env);
    expect(parsed.routes[0]?.headers.set).toEqual([['file', 'x']]);
    expect(parsed.routes[1]?.claimHeaders).toEqual([['file', 'sub']]);
    expect(parsed.files).toEqual([]);
  });

  it.each([
    [{ service: '${NOPE}' }, 'service: expected the environment variable NOPE to be set, received nothing'],
    [
      { service: '${__proto__}' },
      'service: expected the environment variable __proto__ to be set, received nothing',
    ],
    [
      { service: '${A-B}' },
      'service: expected "${NAME}" with a name of letters, digits and "_" ("$${" stands for "${" itself), received another text',
    ],
    [
      { service: 'a${KEY' },
      'service: expected "${NAME}" with a name of letters, digits and "_" ("$${" stands for "${" itself), received another text',
    ],
    [
      { service: { file: '/run/none' } },
      'service: expected the file "/run/none" to be readable, received ENOENT',
    ],
    [
      { listen: { port: '${KEY}' } },
      'listen.port: expected an integer from 0 to 65535, received the value of ${KEY}',
    ],
    [
      { listen: { threads: '${PORT}' } },
      'listen.threads: expected an integer from 1 to 256, or "loop", received the value of ${PORT}',
    ],
    [
      { listen: { port: { file: '/run/key' } } },
      'listen.port: expected an integer from 0 to 65535, received an object',
    ],
    [
      { listen: { limits: ['${KEY}'] } },
      'listen.limits[0]: expected the id of a limit, received the value of ${KEY}',
    ],
    [
      { issuers: { main: { ...issuer, realm: '${ODD}' } } },
      'issuers.main.realm: expected printable ASCII without quotes and backslashes, received the value of ${ODD}',
    ],
    [
      { upstreams: { orders: { ...upstream, idleTimeout: { file: '/run/key' } } } },
      'upstreams.orders.idleTimeout: expected a duration from "1ms" to "24h", received the value of the file "/run/key"',
    ],
  ])('%j', (changes, line) => expect(wrong(config(changes), env)).toEqual([line]));

  it('never show their value, whatever is wrong with it', () => {
    const values = ['sup3rs3cret', 'fr0mf1le'];
    for (const written of ['${KEY}', 'x ${KEY} y', { file: '/run/key' }]) {
      const input = {
        listen: { host: written, listener: written, trustedProxies: [written], maxBodyBytes: written },
        via: written,
        errors: { format: written },
        issuers: { a: { issuer: written, audience: [written, written], jwks: written, realm: written } },
        limits: { a: { rate: written, per: written, key: written } },
        upstreams: { a: { targets: [written, { url: written, weight: written }], tls: { ca: written } } },
        routes: [
          route({ id: written }),
          route({
            id: written,
            jwt: written,
            limits: [written],
            upstream: written,
            match: { path: written, methods: [written], host: written },
          }),
        ],
      };
      const text = wrong(input, env).join('\n');
      expect(text.split('\n').length).toBeGreaterThan(10);
      for (const value of values) expect(text).not.toContain(value);
    }
  });

  it('are noticed at any depth', () => {
    expect(hasReference({ a: [{ b: 'x${Y}' }] })).toBe(true);
    expect(hasReference({ a: { file: 'x' } })).toBe(true);
    expect(hasReference({ a: [{ b: '$Y {' }], file: 'x' })).toBe(false);
    const loop: Record<string, unknown> = {};
    loop['match'] = loop;
    expect(linesOf(() => parseRoute(loop, { known: parseConfig(config()).known })).length).toBeGreaterThan(0);
  });
});

describe('the masked copy', () => {
  it('keeps what may be shown and nothing else', () => {
    const written = {
      service: 'shop',
      listen: { port: '${PORT}', maxBodyBytes: '1mb' },
      issuers: {
        a: {
          ...issuer,
          issuer: 'https://user:p@ss@id.example/?token=abc#f',
          jwks: 'https://id.example/jwks.json?key=abc',
        },
        b: { ...issuer, jwks: { keys: [{ kty: 'RSA', d: 'private' }] } },
        c: { ...issuer, jwks: '${JWKS}' },
      },
      upstreams: {
        orders: { targets: ['http://user:secret@a:80'], tls: { ca: '-----BEGIN' } },
        o: { targets: [], tls: { ca: { file: '/run/ca.pem' } } },
      },
      routes: [
        route({
          headers: {
            set: { authorization: 'Bearer abc', 'x-a': '${KEY}', 'x-b': 'a${KEY}' },
            remove: ['cookie'],
          },
          claimHeaders: { file: 'sub' },
        }),
        route({ headers: { set: { file: 'secret' } } }),
      ],
      unknown: { password: 'abc' },
    };
    expect(maskConfig(written)).toEqual({
      service: 'shop',
      listen: { port: '${PORT}', maxBodyBytes: '1mb' },
      issuers: {
        a: { ...issuer, issuer: 'https://***@id.example/?***#f', jwks: 'https://id.example/jwks.json?***' },
        b: { ...issuer, jwks: { keys: '***' } },
        c: { ...issuer, jwks: '${JWKS}' },
      },
      upstreams: {
        orders: { targets: ['http://***@a:80'], tls: { ca: '***' } },
        o: { targets: [], tls: { ca: { file: '/run/ca.pem' } } },
      },
      routes: [
        route({
          headers: { set: { authorization: '***', 'x-a': '${KEY}', 'x-b': '***' }, remove: ['cookie'] },
          claimHeaders: { file: 'sub' },
        }),
        route({ headers: { set: { file: '***' } } }),
      ],
      unknown: '***',
    });
  });

  it('is made from what was written, before secrets came in', () => {
    const input = config({ service: '${KEY}' });
    const parsed = parseConfig(input, env);
    expect(parsed.base.service).toBe('sup3rs3cret');
    expect(maskConfig(parsed.written)).toEqual(input);
  });
});
