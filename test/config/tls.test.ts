// TLS of the listener and client certificates of routes: what is taken, what is refused, and that no key is ever shown.
import { describe, expect, it } from 'vitest';
import { maskConfig, parseConfig, parseRoute, toPlan } from '../../src/config/index.ts';
import { config, linesOf, route, secrets, wrong, wrongRoute } from './support.ts';

const pair = { certificate: 'CERTIFICATE PEM', key: 'PRIVATE PEM' };
const clientAuth = { mode: 'required', ca: 'AUTHORITY PEM' };
const withTls = (tls: Record<string, unknown>, more: Record<string, unknown> = {}): Record<string, unknown> =>
  config({ listen: { tls: { certificates: [pair], ...tls } }, ...more });
const planOf = (tls: Record<string, unknown>) => toPlan(parseConfig(withTls(tls))).listenTls;

const name = 'expected a server name such as "api.example.com" or "*.example.com", and no address';

describe('listen.tls', () => {
  it('is off by default', () => expect(toPlan(parseConfig(config())).listenTls).toBeNull());

  it('fills in its defaults', () => {
    expect(planOf({})).toEqual({
      certificates: [{ ...pair, names: null }],
      minVersion: '1.2',
      clientAuth: null,
      serverNames: [],
    });
  });

  it('is planned in full', () => {
    const tls = {
      certificates: [pair, { ...pair, names: ['a.test', '*.b.test'] }],
      minVersion: '1.3',
      clientAuth: { mode: 'optional', ca: 'A' },
      serverNames: { 'Admin.test': { clientAuth }, '*.open.test': { clientAuth: false } },
    };
    expect(planOf(tls)).toEqual({
      certificates: [
        { ...pair, names: null },
        { ...pair, names: ['a.test', '*.b.test'] },
      ],
      minVersion: '1.3',
      clientAuth: { required: false, caPem: 'A' },
      serverNames: [
        ['admin.test', { required: true, caPem: 'AUTHORITY PEM' }],
        ['*.open.test', null],
      ],
    });
  });

  it.each([
    [{ certificates: [] }, 'certificates: expected a list of 1 to 1000 certificates, received an empty list'],
    [
      { certificates: undefined },
      'certificates: expected a list of 1 to 1000 certificates, received nothing',
    ],
    [
      { certificates: [{ certificate: 'x' }] },
      'certificates[0].key: expected a private key in PEM form, received nothing',
    ],
    [
      { certificates: [{ ...pair, key: 1 }] },
      'certificates[0].key: expected a private key in PEM form, received 1',
    ],
    [
      { certificates: [{ ...pair, cert: 'x' }] },
      'certificates[0].cert: expected one of certificate, key, names, received "cert"',
    ],
    [
      { certificates: [{ ...pair, names: ['192.0.2.1'] }] },
      `certificates[0].names[0]: ${name}, received "192.0.2.1"`,
    ],
    [
      { certificates: [{ ...pair, names: ['a.*.test'] }] },
      `certificates[0].names[0]: ${name}, received "a.*.test"`,
    ],
    [
      { certificates: [{ ...pair, names: ['-a.test'] }] },
      `certificates[0].names[0]: ${name}, received "-a.test"`,
    ],
    [
      { certificates: [{ ...pair, names: ['a.test.'] }] },
      `certificates[0].names[0]: ${name}, received "a.test."`,
    ],
    [{ minVersion: '1.1' }, 'minVersion: expected one of "1.2", "1.3", received "1.1"'],
    [{ clientAuth: true }, 'clientAuth: expected an object or false, received true'],
    [
      { clientAuth: { mode: 'none', ca: 'x' } },
      'clientAuth.mode: expected one of "optional", "required", received "none"',
    ],
    [
      { clientAuth: { mode: 'required' } },
      'clientAuth.ca: expected certificates in PEM form, received nothing',
    ],
    [{ serverNames: { '[::1]': { clientAuth } } }, `serverNames["[::1]"]: ${name}, received "[::1]"`],
    [
      { serverNames: { 'a.test': {} } },
      'serverNames["a.test"].clientAuth: expected an object or false, received nothing',
    ],
    [
      { serverNames: { 'a.test': { clientAuth }, 'A.test': { clientAuth } } },
      'serverNames["A.test"]: expected each name once, whatever its case, received "A.test"',
    ],
  ])('refuses %j', (tls, line) => expect(wrong(withTls(tls))).toEqual([`listen.tls.${line}`]));

  it('bounds its lists', () => {
    const names = Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`a${n}.test`, { clientAuth }]));
    expect(wrong(withTls({ serverNames: names }))).toEqual([
      'listen.tls.serverNames: expected at most 1000 server names, received an object',
    ]);
    expect(wrong(withTls({ certificates: Array.from({ length: 1001 }, () => pair) }))).toEqual([
      'listen.tls.certificates: expected a list of 1 to 1000 certificates, received a list',
    ]);
  });

  it('never shows a key', () => {
    const text = JSON.stringify(
      maskConfig(withTls({ clientAuth, serverNames: { 'a.test': { clientAuth } } })),
    );
    expect(text).not.toMatch(/PEM/);
    expect(text).toContain('"key":"***"');
    const key = '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n';
    const bad = withTls({
      certificates: [{ certificate: [key], key: [key] }, { key }, key],
      clientAuth: key,
      serverNames: { 'a.test': key, 'b.test': { clientAuth: { mode: key, ca: [key] } } },
    });
    expect(JSON.stringify(maskConfig(bad))).not.toMatch(/SECRET/);
    expect(wrong(bad).length).toBeGreaterThan(6);
    expect(wrong(bad).join()).not.toMatch(/SECRET/);
  });

  it('takes files, shows their paths and says which they are', () => {
    const files = { '/tls/a.crt': 'CERT\n', '/tls/a.key': 'KEY\n', '/tls/ca.pem': 'CA\n', '/other': 'x' };
    const written = withTls(
      {
        certificates: [{ certificate: { file: '/tls/a.crt' }, key: { file: '/tls/a.key' } }],
        clientAuth: { mode: 'optional', ca: { file: '/tls/ca.pem' } },
        serverNames: { 'a.test': { clientAuth: { mode: 'required', ca: { file: '/tls/ca.pem' } } } },
      },
      { service: { file: '/other' } },
    );
    const parsed = parseConfig(written, secrets({}, files));
    expect(parsed.base.listenTls?.certificates).toEqual([{ certificate: 'CERT', key: 'KEY', names: null }]);
    expect(parsed.tlsFiles).toEqual(['/tls/a.crt', '/tls/a.key', '/tls/ca.pem']);
    expect(maskConfig(written)).toEqual(written);
    expect(parseConfig(config()).tlsFiles).toEqual([]);
  });
});

describe('clientCertificate', () => {
  const certificate = { headers: { 'X-Subject': 'subject', 'x-names': 'san' } };
  const expected = 'expected nothing unless "listen.tls" has a "clientAuth", received an object';

  it('is planned', () => {
    const known = { ...parseConfig(config()).known, clientAuth: true };
    const planned = (clientCertificate: unknown) => parseRoute(route({ clientCertificate }), { known });
    expect(parseRoute(route(), { known }).clientCertificate).toBeNull();
    expect(planned({}).clientCertificate).toEqual({ required: true, headers: [] });
    expect(planned({ ...certificate, required: false }).clientCertificate).toEqual({
      required: false,
      headers: [
        ['x-subject', 'subject'],
        ['x-names', 'san'],
      ],
    });
  });

  it('needs client authentication somewhere', () => {
    const routes = [route({ clientCertificate: certificate })];
    expect(wrong(config({ routes }))).toEqual([`routes[0].clientCertificate: ${expected}`]);
    expect(wrong(withTls({}, { routes }))).toEqual([`routes[0].clientCertificate: ${expected}`]);
    expect(wrong(withTls({ serverNames: { 'a.test': { clientAuth: false } } }, { routes }))).toHaveLength(1);
    expect(wrong(withTls({ serverNames: { 'a.test': { clientAuth } } }, { routes }))).toEqual([]);
    expect(wrong(withTls({ clientAuth }, { routes }))).toEqual([]);
  });

  it('is checked for routes of code, also when the configuration changes under them', () => {
    const clientCertificate = certificate;
    expect(wrongRoute(route({ clientCertificate }))).toEqual([`clientCertificate: ${expected}`]);
    const asking = parseConfig(withTls({ clientAuth }));
    const code = parseRoute(route({ id: 'a', clientCertificate }), { known: asking.known });
    expect(toPlan(asking, [code]).routes).toHaveLength(1);
    expect(linesOf(() => toPlan(parseConfig(config()), [code]))).toEqual([
      `routes.a.clientCertificate: ${expected}`,
    ]);
  });

  it.each([
    [
      { headers: { 'x-a': 'cn' } },
      'headers.x-a: expected one of "subject", "san", "fingerprint", "serial", received "cn"',
    ],
    [
      { headers: { 'x-a': 'san', 'X-A': 'subject' } },
      'headers.X-A: expected each header once, whatever its case, received "X-A"',
    ],
    [
      { headers: { 'X-User': 'subject' } },
      'headers.X-User: expected a header that neither "headers.set" nor "claimHeaders" sets, received "X-User"',
    ],
    [
      { headers: { 'x-set': 'subject' } },
      'headers.x-set: expected a header that neither "headers.set" nor "claimHeaders" sets, received "x-set"',
    ],
    [{ required: 'yes' }, 'required: expected true or false, received "yes"'],
  ])('refuses %j', (clientCertificate, line) => {
    const known = { ...parseConfig(config()).known, clientAuth: true };
    const changes = {
      clientCertificate,
      claimHeaders: { 'x-user': 'sub' },
      headers: { set: { 'X-Set': 'a' } },
    };
    expect(wrongRoute(route(changes), { known })).toEqual([`clientCertificate.${line}`]);
  });
});
