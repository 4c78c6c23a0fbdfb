// Certificates exchanged while the gateway serves: by reload and on disk; and those that cannot be used, in any of these ways.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGateway, type Gateway, type GatewayConfig } from '../../src/index.ts';
import { type Certificate, temporaryFolder } from '../support/certificates.ts';
import { type ListeningGateway, makeGateway, metric, startGateway } from '../support/gateway.ts';
import { underTest } from '../support/listeners.ts';
import { requestText } from '../support/raw.ts';
import {
  ask,
  authority,
  pair,
  secureClient,
  shownTo,
  site,
  startSecure,
  type TlsConfig,
  tlsOf,
} from '../support/secure.ts';
import { until } from '../support/until.ts';

const first = authority.issue('DNS:site.test', 'DNS:first.test');
const second = authority.issue('DNS:site.test', 'DNS:second.test');
const get = requestText('GET', '/');

const hello = (gateway: Gateway): void => {
  gateway.get('/', () => 'hello');
};

const showing = async (made: ListeningGateway): Promise<string> =>
  String(shownTo((await ask(made)).socket)).replace('DNS:site.test, DNS:', '');

async function isServed(client: Awaited<ReturnType<typeof secureClient>>['client']): Promise<void> {
  expect(String((await client.send(get).answer()).body)).toBe('hello');
}

it('reload shows another certificate to new connections; open ones and sessions stay', async () => {
  const made = await startSecure({ certificates: [pair(first)] }, {}, hello);
  const { client, socket } = await secureClient(made);
  const sessions: Buffer[] = [];
  socket.on('session', (session) => sessions.push(session));
  await isServed(client);
  await made.gateway.reload({ listen: { tls: { certificates: [pair(second)] } } });
  expect(await showing(made)).toBe('second.test');
  await isServed(client);
  expect(shownTo(socket)).toContain('first.test');
  const { client: later, socket: resumed } = await secureClient(made, { session: sessions[0] });
  expect(resumed.isSessionReused()).toBe(true);
  await isServed(later);
  const name = 'ferrogate_tls_certificate_not_after_seconds';
  expect(await metric(made.gateway, name, { certificate: 'site.test' })).toBeGreaterThan(0);
});

/** A gateway whose only certificate is in two files. */
function startOn(certificate: string, key: string): Promise<ListeningGateway> {
  return startSecure(
    { certificates: [{ certificate: { file: certificate }, key: { file: key } }] },
    {},
    hello,
  );
}

const root = temporaryFolder();
const newFolder = (): string => mkdtempSync(join(root, 'pair-'));

function writePair(folder: string, { cert, key }: Certificate, names = ['tls.crt', 'tls.key']): void {
  writeFileSync(join(folder, names[0] as string), cert);
  writeFileSync(join(folder, names[1] as string), key);
}

describe('certificate files', () => {
  const told = (made: ListeningGateway, message: string) =>
    until(message, () => made.lines.find((line) => line.message.startsWith(message)));

  it('that are renamed over are picked up, and open connections stay', async () => {
    const folder = newFolder();
    writePair(folder, first);
    const made = await startOn(join(folder, 'tls.crt'), join(folder, 'tls.key'));
    const { client } = await secureClient(made);
    await isServed(client);
    expect(await showing(made)).toBe('first.test');
    writePair(folder, second, ['new.crt', 'new.key']);
    renameSync(join(folder, 'new.crt'), join(folder, 'tls.crt'));
    renameSync(join(folder, 'new.key'), join(folder, 'tls.key'));
    await told(made, 'certificates exchanged');
    expect(await showing(made)).toBe('second.test');
    await isServed(client);
  });

  it('behind symbolic links that are swapped, as in a mounted secret, are picked up', async () => {
    const folder = newFolder();
    for (const [name, certificate] of [
      ['..1', first],
      ['..2', second],
    ] as const) {
      mkdirSync(join(folder, name));
      writePair(join(folder, name), certificate);
    }
    symlinkSync('..1', join(folder, '..data'));
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(folder, name));
    const made = await startOn(join(folder, 'tls.crt'), join(folder, 'tls.key'));
    const { client } = await secureClient(made);
    expect(await showing(made)).toBe('first.test');
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await told(made, 'certificates exchanged');
    expect(await showing(made)).toBe('second.test');
    await isServed(client);
  });

  it('that do not fit are told and change nothing, until they fit', async () => {
    const folder = newFolder();
    writePair(folder, first);
    const made = await startOn(join(folder, 'tls.crt'), join(folder, 'tls.key'));
    const generation = await made.gateway.applied();
    writeFileSync(join(folder, 'tls.crt'), second.cert);
    const { level, fields } = await told(made, 'the changed certificates are not used');
    expect([level, fields]).toEqual([
      'error',
      { reason: 'listen.tls.certificates[0].key: does not belong to the certificate of site.test' },
    ]);
    expect([await showing(made), await made.gateway.applied()]).toEqual(['first.test', generation]);
    writeFileSync(join(folder, 'tls.key'), second.key);
    await told(made, 'certificates exchanged');
    expect(await showing(made)).toBe('second.test');
    expect(JSON.stringify(made.lines)).not.toContain(keyText(second));
  });
});

/** A line from the middle of a key: enough to know it by. */
const keyText = ({ key }: Pick<Certificate, 'key'>): string => key.split('\n')[1] as string;

const encrypted = execFileSync('openssl', ['pkcs8', '-topk8', '-passout', 'pass:secret'], {
  input: first.key,
}).toString();

describe('a pair that cannot be used', () => {
  const at = 'listen.tls.certificates[0]';
  const bad: readonly (readonly [string, Certificate, string])[] = [
    [
      'a key of another certificate',
      { cert: first.cert, key: second.key },
      `${at}.key: does not belong to the certificate of site.test`,
    ],
    [
      'an encrypted key',
      { cert: first.cert, key: encrypted },
      `${at}.key: is encrypted; the key of site.test must be given without a pass phrase`,
    ],
    ['no key', { cert: first.cert, key: first.cert }, `${at}.key: holds no PEM private key for site.test`],
    [
      'half a key',
      { cert: first.cert, key: first.key.slice(0, 120) },
      `${at}.key: is not well-formed PEM (the key of site.test)`,
    ],
    [
      'a chain without a certificate',
      { cert: first.key, key: first.key },
      `${at}.certificate: holds no PEM certificate`,
    ],
    [
      'half a certificate',
      { cert: first.cert.slice(0, 200), key: first.key },
      `${at}.certificate: is not well-formed PEM`,
    ],
    [
      'a certificate that is none',
      { cert: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', key: first.key },
      `${at}.certificate: holds a certificate that cannot be read`,
    ],
  ];
  const secret = (pieces: Certificate): string[] =>
    [pieces, first, second].map(keyText).filter((line) => line !== undefined && line !== '');

  it.each(bad)('%s is a configuration error, at the start', async (_, pieces, message) => {
    const made = makeGateway({ listen: { tls: { certificates: [pair(pieces)] } } });
    const error = await made.gateway.listen({ port: 0, ...underTest }).then(
      () => undefined,
      (thrown) => thrown,
    );
    expect([error?.code, error?.message]).toEqual(['ERR_FG_CONFIG_INVALID', message]);
    const said = `${error?.stack}${JSON.stringify(error)}${JSON.stringify(made.lines)}`;
    for (const line of secret(pieces)) expect(said).not.toContain(line);
  });

  it('changes nothing at a reload', async () => {
    const made = await startSecure({ certificates: [pair(first)] }, {}, hello);
    for (const [, pieces, message] of bad) {
      const error = await made.gateway.reload({ listen: { tls: { certificates: [pair(pieces)] } } }).then(
        () => undefined,
        (thrown) => thrown,
      );
      expect([error?.code, error?.message]).toEqual(['ERR_FG_CONFIG_INVALID', message]);
      const said = `${error?.stack}${JSON.stringify(error)}${JSON.stringify(made.lines)}`;
      for (const line of secret(pieces)) expect(said).not.toContain(line);
    }
    expect(await showing(made)).toBe('first.test');
  });
});

describe('the configuration', () => {
  const codeOf = (config: unknown): string[] => {
    try {
      createGateway(config as GatewayConfig);
    } catch (error) {
      return String((error as Error).message).split('\n');
    }
    return [];
  };

  it('is refused beside "uws"', () => {
    const tls: TlsConfig = tlsOf();
    const said =
      'only the native listener has this; leave it out, or set "listen.listener" to "native" or "auto"';
    expect(codeOf({ listen: { listener: 'uws', tls } })).toEqual([`listen.tls: ${said}`]);
  });

  it('cannot turn TLS on or off while the gateway listens', async () => {
    const [secure, plain] = [await startSecure({}, {}, hello), await startGateway({}, hello)];
    await expect(secure.gateway.reload({})).rejects.toMatchObject({
      code: 'ERR_FG_CONFIG_INVALID',
      message: 'listen.tls: cannot be left out while the gateway listens; start it anew',
    });
    await expect(plain.gateway.reload({ listen: { tls: tlsOf() } })).rejects.toThrow(
      'listen.tls: cannot be added while the gateway listens; start it anew',
    );
    expect((await ask(secure)).text).toBe('hello');
    expect(await (await fetch(plain.url)).text()).toBe('hello');
  });

  it('with a certificate that has expired is served, with a warning', async () => {
    const old = authority.client('/CN=old', { names: ['DNS:site.test'], seconds: -60 });
    const made = await startSecure({ certificates: [pair(old), pair(site)] }, {}, hello);
    expect((await ask(made, '/', { rejectUnauthorized: false })).text).toBe('hello');
    await until('a warning', () =>
      made.lines.some((line) => JSON.stringify(line).includes('the certificate of site.test has expired')),
    );
  });
});
