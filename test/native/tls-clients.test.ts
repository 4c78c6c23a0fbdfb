// Client certificates: who is let in, where the identity shows, and that nobody forges it.
import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { ClientCertificate, Gateway, GatewayConfig } from '../../src/index.ts';
import { createAuthority } from '../support/certificates.ts';
import { type ListeningGateway, metric } from '../support/gateway.ts';
import { requestText } from '../support/raw.ts';
import {
  ask,
  authority,
  command,
  fileOf,
  opensslShows,
  refusal,
  sClient,
  secureClient,
  startSecure,
  type TlsConfig,
  tlsOf,
} from '../support/secure.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const staff = createAuthority('staff');
const names = ['URI:spiffe://test/ann', 'DNS:ann.test', 'IP:192.0.2.7', 'email:ann@test'];
const ann = staff.client('/O=Test, Inc/CN=ann', { names });
const ofAnn = new X509Certificate(ann.cert);
const stranger = createAuthority('strangers').client('/CN=ann');

const optional = { mode: 'optional', ca: staff.ca } as const;
const required = { mode: 'required', ca: staff.ca } as const;

const identity = {
  subject: String.raw`CN=ann,O=Test\, Inc`,
  sans: ['URI:spiffe://test/ann', 'DNS:ann.test', 'IP:192.0.2.7', 'email:ann@test'],
  fingerprint: ofAnn.fingerprint256.replaceAll(':', '').toLowerCase(),
  serial: ofAnn.serialNumber.toLowerCase(),
  notAfter: Date.parse(ofAnn.validTo) / 1000,
} satisfies ClientCertificate;

/** `/` answers the identity as JSON; `/staff` demands one. */
function whoami(gateway: Gateway): void {
  gateway.get('/', ({ clientCertificate }) => clientCertificate ?? 'nobody');
  gateway.get('/staff', { clientCertificate: {} }, ({ clientCertificate }) => clientCertificate?.subject);
}

const start = (tls: Partial<TlsConfig>, config: GatewayConfig = {}): Promise<ListeningGateway> =>
  startSecure(tls, config, whoami);

describe('who is let in', () => {
  it('optional: with a certificate, without one, but with none of a stranger', async () => {
    const made = await start({ clientAuth: optional });
    expect((await ask(made)).text).toBe('nobody');
    expect(JSON.parse((await ask(made, '/', ann)).text)).toEqual(identity);
    expect(await refusal(made, stranger)).toMatch(/alert|ECONNRESET|EPIPE|socket hang up/);
  });

  it('required: with a certificate only', async () => {
    const made = await start({ clientAuth: required });
    expect(await refusal(made)).toMatch(/alert|ECONNRESET|EPIPE|socket hang up/);
    expect(await refusal(made, { maxVersion: 'TLSv1.2' })).toMatch(/alert|ECONNRESET|EPIPE|socket hang up/);
    expect(JSON.parse((await ask(made, '/', ann)).text)).toEqual(identity);
    expect(await metric(made.gateway, 'ferrogate_tls_handshakes_total', { outcome: 'failed' })).toBe(2);
  });

  it('openssl is told why', async () => {
    const { port } = await start({ clientAuth: required });
    expect((await sClient(port, ['-tls1_3'])).text).toContain('alert certificate required');
    expect((await sClient(port, ['-tls1_2', ...opensslShows(stranger)])).text).toContain('alert unknown ca');
    const expired = staff.client('/CN=late', { seconds: -60 });
    for (const version of ['-tls1_2', '-tls1_3']) {
      const { text } = await sClient(port, [version, ...opensslShows(expired)]);
      expect([text.includes('alert certificate expired'), text.includes('HTTP/1.1')]).toEqual([true, false]);
      const served = await sClient(port, [version, ...opensslShows(ann)]);
      expect(served.text).toContain(identity.fingerprint);
    }
  });

  it('curl shows its certificate', async () => {
    const { url } = await start({ clientAuth: required });
    const [, cert = '', , key = ''] = opensslShows(ann);
    const args = ['-sS', '--cacert', fileOf(authority.ca), '--cert', cert, '--key', key, `${url}/staff`];
    expect(await command('curl', args)).toEqual({ code: 0, text: identity.subject });
  });

  it('nobody is asked by default, and a certificate that was not asked for counts for nothing', async () => {
    const made = await start({ serverNames: { 'admin.test': { clientAuth: required } } });
    expect((await ask(made, '/', ann)).text).toBe('nobody');
    expect((await ask(made, '/staff', ann)).status).toBe(403);
  });
});

describe('a resumed session', () => {
  /** A session of TLS, and what a connection that resumes it is told. */
  async function sessionOf(made: ListeningGateway, options: ConnectionOptions): Promise<Buffer> {
    const { client, socket } = await secureClient(made, options);
    const sessions: Buffer[] = [];
    socket.on('session', (session) => sessions.push(session));
    await client.send(requestText('GET', '/')).answer();
    const first = socket.getProtocol() === 'TLSv1.2' ? socket.getSession() : undefined;
    const session = first ?? (await until('a session', () => sessions[0]));
    socket.end();
    return session;
  }

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('of %s keeps the identity', async (version) => {
    const made = await start({ clientAuth: required });
    const only = { minVersion: version, maxVersion: version };
    const session = await sessionOf(made, { ...ann, ...only });
    // The certificate is not shown again.
    const { client, socket } = await secureClient(made, { session, ...only });
    expect(socket.isSessionReused()).toBe(true);
    const { body } = await client.send(requestText('GET', '/')).answer();
    expect(JSON.parse(String(body))).toEqual(identity);
    await until('its count', () =>
      metric(made.gateway, 'ferrogate_tls_handshakes_total', { outcome: 'resumed' }),
    );
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('of %s is refused when its certificate has expired', async (v) => {
    const made = await start({ clientAuth: optional });
    const only = { minVersion: v, maxVersion: v };
    const brief = staff.client('/CN=brief', { seconds: 3 });
    const session = await sessionOf(made, { ...brief, ...only });
    const end = Date.parse(new X509Certificate(brief.cert).validTo);
    await until('its expiry', () => Date.now() >= end + 1000);
    const { client } = await secureClient(made, { session, ...only });
    await expect(client.send(requestText('GET', '/')).answer()).rejects.toThrow('ended');
    const { client: anew, socket } = await secureClient(made, only);
    expect(socket.isSessionReused()).toBe(false);
    expect((await anew.send(requestText('GET', '/')).answer()).status).toBe(200);
  });

  it('from before a change of client authentication is not resumed, one from before other changes is', async () => {
    const made = await start({ clientAuth: optional });
    const session = await sessionOf(made, ann);
    const reload = (tls: Partial<TlsConfig>) => made.gateway.reload({ listen: { tls: tlsOf(tls) } });
    await reload({ clientAuth: optional, minVersion: '1.3' });
    const { socket: kept } = await secureClient(made, { session });
    expect(kept.isSessionReused()).toBe(true);
    await reload({ clientAuth: { ...optional, ca: `${staff.ca}${authority.ca}` } });
    const { socket: anew } = await secureClient(made, { session });
    expect(anew.isSessionReused()).toBe(false);
  });
});

describe('headers of the upstream', () => {
  const headers = {
    'X-Subject': 'subject',
    'x-san': 'san',
    'x-print': 'fingerprint',
    'x-serial': 'serial',
  } as const;
  const forged = [
    'X-Subject: CN=boss',
    'x_subject: CN=boss',
    'X-San: DNS:boss',
    'x_san: DNS:boss',
    'x-other: mine',
  ];

  async function seenBy(options: ConnectionOptions) {
    const upstream = await startUpstream();
    const made = await startSecure(
      { clientAuth: optional },
      {
        upstreams: { back: { targets: [upstream.url] } },
        routes: [{ match: { path: '/' }, upstream: 'back', clientCertificate: { required: false, headers } }],
      },
    );
    const { client } = await secureClient(made, options);
    expect((await client.send(requestText('GET', '/', forged)).answer()).status).toBe(200);
    return upstream.seen[0];
  }

  it('tell the identity, and the ones of the client are dropped', async () => {
    const seen = await seenBy(ann);
    expect(seen?.fields.filter(([name]) => /^x[-_](subject|san|print|serial|other)$/.test(name))).toEqual(
      expect.arrayContaining([
        ['x-subject', identity.subject],
        ['x-san', 'URI:spiffe://test/ann, DNS:ann.test, IP:192.0.2.7, email:ann@test'],
        ['x-print', identity.fingerprint],
        ['x-serial', identity.serial],
        ['x-other', 'mine'],
      ]),
    );
    expect(JSON.stringify(seen?.fields)).not.toContain('boss');
    expect(seen?.header('x-forwarded-proto')).toBe('https');
  });

  it('are dropped also when there is no identity', async () => {
    const seen = await seenBy({});
    expect(seen?.fields.filter(([name]) => /^x[-_](subject|san|print|serial)$/.test(name))).toEqual([]);
    expect(seen?.header('x-other')).toBe('mine');
  });

  it('encode what could break out of a field', async () => {
    const seen = await seenBy(
      staff.client('/CN=Zoë, 100% ann', { names: ['URI:a,DNS:boss'.replace(',', '%2C')] }),
    );
    expect(seen?.header('x-subject')).toBe(String.raw`CN=Zo%C3%AB\, 100%25 ann`);
    expect(seen?.header('x-san')).toBe('URI:a%252CDNS:boss');
  });
});

it('a route that demands one refuses a request without with 403, and the connection goes on', async () => {
  const made = await start({ clientAuth: optional });
  const { client } = await secureClient(made);
  for (let round = 0; round < 2; round += 1) {
    const answer = await client.send(requestText('GET', '/staff')).answer();
    expect([answer.status, JSON.parse(String(answer.body)).code]).toEqual([
      403,
      'client_certificate_required',
    ]);
  }
  expect(String((await client.send(requestText('GET', '/')).answer()).body)).toBe('nobody');
  expect((await ask(made, '/staff', ann)).text).toBe(identity.subject);
  const injected = await made.gateway.inject('/staff');
  expect(injected.status).toBe(403);
  expect(await (await made.gateway.inject('/')).text()).toBe('nobody');
});

it('explain tells what a route demands', async () => {
  const { gateway } = await start({ clientAuth: optional });
  const { verdict, steps } = gateway.explain('GET', '/staff');
  expect(verdict).toBe('handler');
  expect(steps.at(-1)).toEqual({
    step: 'clientCertificate',
    outcome: 'would need one',
    detail: 'of a trusted authority, else 403',
  });
  expect(gateway.explain('GET', '/').steps.map(({ step }) => step)).not.toContain('clientCertificate');
});
