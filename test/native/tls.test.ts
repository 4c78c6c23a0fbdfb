// TLS of the listener with openssl, curl and Node: versions, certificates by name, resumption, what is no TLS.
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { metric } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import {
  ask,
  authority,
  command,
  fileOf,
  pair,
  refusal,
  sClient,
  secureClient,
  shownTo,
  startSecure,
} from '../support/secure.ts';
import { until } from '../support/until.ts';

const hello = (gateway: Parameters<NonNullable<Parameters<typeof startSecure>[2]>>[0]): void => {
  gateway.get('/', () => 'hello');
};

describe('versions', () => {
  it.each([
    ['-tls1_2', 'TLSv1.2'],
    ['-tls1_3', 'TLSv1.3'],
  ])('openssl s_client %s is served', async (version, name) => {
    const { port } = await startSecure({}, {}, hello);
    const { text } = await sClient(port, [version, '-servername', 'site.test', '-alpn', 'h2,http/1.1']);
    expect(text).toContain(`New, ${name}, Cipher is`);
    expect(text).toContain('Verify return code: 0 (ok)');
    expect(text).toContain('ALPN protocol: http/1.1');
    expect(text).toMatch(/HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nhello/);
  });

  it('older ones are refused', async () => {
    const { port } = await startSecure({}, {}, hello);
    const { code, text } = await sClient(port, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']);
    expect([code, text.includes('HTTP/1.1')]).toEqual([1, false]);
  });

  it('the floor is kept', async () => {
    const made = await startSecure({ minVersion: '1.3' }, {}, hello);
    expect(await refusal(made, { maxVersion: 'TLSv1.2' })).toContain('alert protocol version');
    const { socket } = await ask(made);
    expect(socket.getProtocol()).toBe('TLSv1.3');
  });

  it('a client that offers other protocols only is refused', async () => {
    const made = await startSecure({}, {}, hello);
    await expect(secureClient(made, { ALPNProtocols: ['h2'] })).rejects.toThrow(
      'alert no application protocol',
    );
  });

  it('curl is served, and url begins with https', async () => {
    const { port, url } = await startSecure({}, {}, hello);
    expect(url).toBe(`https://127.0.0.1:${port}`);
    const args = ['-sS', '--cacert', fileOf(authority.ca), url, `${url}/`, '-w', '%{num_connects}.'];
    expect(await command('curl', args)).toEqual({ code: 0, text: 'hello1.hello0.' });
  });
});

it('the server name chooses the certificate: exact, then wildcard, else the first', async () => {
  const [first, wild, exact] = [['DNS:first.test'], ['DNS:*.wild.test'], ['DNS:a.wild.test']].map((names) =>
    pair(authority.issue(...names)),
  );
  const given = { ...pair(authority.issue('DNS:unused.test')), names: ['given.test'] };
  const all = [first, wild, exact, given] as (typeof given)[];
  const made = await startSecure({ certificates: all }, {}, hello);
  for (const [servername, shown] of [
    ['a.wild.test', 'DNS:a.wild.test'],
    ['A.Wild.Test', 'DNS:a.wild.test'],
    ['b.wild.test', 'DNS:*.wild.test'],
    ['b.a.wild.test', 'DNS:first.test'],
    ['wild.test', 'DNS:first.test'],
    ['given.test', 'DNS:unused.test'],
    ['unused.test', 'DNS:first.test'],
    ['', 'DNS:first.test'],
  ] as const) {
    const { socket, text } = await ask(made, '/', { servername, checkServerIdentity: () => undefined });
    expect([servername, shownTo(socket), text]).toEqual([servername, shown, 'hello']);
  }
});

describe('resumption', () => {
  it('by openssl s_client -reconnect, and with a session of TLS 1.3', async () => {
    const { port, gateway } = await startSecure({}, {}, hello);
    const reconnect = ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-reconnect'];
    const { text } = await command('openssl', reconnect);
    expect(text.match(/^Reused, TLSv1\.2/gm)).toHaveLength(5);
    const session = fileOf('');
    const kept = ['-tls1_3', '-servername', 'site.test'];
    expect((await sClient(port, [...kept, '-sess_out', session])).text).toContain('New, TLSv1.3');
    expect((await sClient(port, [...kept, '-sess_in', session])).text).toContain('Reused, TLSv1.3');
    const count = (outcome: string) => metric(gateway, 'ferrogate_tls_handshakes_total', { outcome });
    expect([await count('full'), await count('resumed')]).toEqual([2, 6]);
  });
});

describe('what is no TLS', () => {
  it.each([
    ['a request', requestText('GET', '/')],
    ['a request that is longer than what is read at once', requestText('POST', '/', [], 'x'.repeat(200_000))],
  ])('%s is told in plain text', async (_, bytes) => {
    const { port, gateway } = await startSecure({}, {}, hello);
    const client = await RawClient.connect(port);
    const answer = await client.send(bytes).answer();
    expect([answer.status, answer.header('connection'), answer.complete]).toEqual([400, 'close', true]);
    expect(answer.body.toString()).toBe('This port speaks HTTPS, use https://.');
    expect(await client.ended()).toEqual({ how: 'end', rest: Buffer.alloc(0) });
    const failed = { outcome: 'failed' };
    await until('it to be counted', () => metric(gateway, 'ferrogate_tls_handshakes_total', failed));
  });

  it('something else is closed', async () => {
    const { port } = await startSecure({}, {}, hello);
    const client = await byteClient(port);
    client.send('\x80\x2e\x01\0\x02 nothing that anybody knows');
    expect(await client.closed()).not.toContain('HTTP');
  });

  it.each([
    // Under whose clock silence falls depends on how far the connection came.
    ['nothing', '', {}],
    ['the beginning of a handshake', '\x16\x03\x01\x02\0', { clock: 'header' }],
  ])('%s ends at headerTimeout', async (_, bytes, labels) => {
    const { port, gateway } = await startSecure({}, { listen: { headerTimeout: '200ms' } }, hello);
    const client = await byteClient(port);
    client.send(bytes);
    expect(await client.closed()).toBe('');
    const counted = () => metric(gateway, 'ferrogate_client_timeouts_total', labels);
    await until('it to be counted', async () => (await counted()) === 1);
    const failed = await metric(gateway, 'ferrogate_tls_handshakes_total', { outcome: 'failed' });
    expect(failed).toBe(bytes === '' ? 0 : 1);
  });

  it('a request head that stalls over TLS is 408', async () => {
    const made = await startSecure({}, { listen: { headerTimeout: '200ms' } }, hello);
    const { client } = await secureClient(made);
    expect((await client.send('GET / HT').answer()).status).toBe(408);
    expect((await client.ended()).how).toBe('end');
  });
});

it('a connection on which nothing came does not hold up the end of the gateway', async () => {
  const { port, gateway } = await startSecure({}, { listen: { headerTimeout: '5m' } }, hello);
  const client = await byteClient(port);
  await until('it to be there', async () => (await metric(gateway, 'ferrogate_connections_open')) === 1);
  await gateway.close({ timeoutMs: 300_000 });
  expect(await client.closed()).toBe('');
});

it('a PROXY header comes before TLS', async () => {
  const listen = { proxyProtocol: true, trustedProxies: ['127.0.0.1/32'] };
  const { port } = await startSecure({}, { listen }, (gateway) => {
    gateway.get('/', ({ ip }) => ip);
  });
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n');
  const secure = connectTls({ socket, servername: 'site.test', ca: authority.ca });
  onTestFinished(() => void secure.destroy());
  await once(secure, 'secureConnect');
  const client = RawClient.over(secure);
  for (let round = 0; round < 2; round += 1)
    expect(String((await client.send(requestText('GET', '/')).answer()).body)).toBe('203.0.113.7');
});

it('metrics tell handshakes and until when certificates are valid', async () => {
  const made = await startSecure({}, {}, hello);
  const { socket } = await ask(made);
  const validTo = Date.parse(socket.getPeerCertificate().valid_to) / 1000;
  const name = 'ferrogate_tls_certificate_not_after_seconds';
  expect(await metric(made.gateway, name, { certificate: 'site.test' })).toBe(validTo || undefined);
  expect(await metric(made.gateway, 'ferrogate_tls_handshakes_total', { outcome: 'full' })).toBe(1);
});
