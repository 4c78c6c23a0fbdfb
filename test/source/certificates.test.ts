// Certificates whose files change are put in force; a bad pair is logged, changes nothing, and does not stop the next.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { type ParsedConfig, parseConfig } from '../../src/config/parse.ts';
import { CertificateWatch } from '../../src/source/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferrogate-certificates-'));
const certificate = { file: join(folder, 'a.crt') };
const key = { file: join(folder, 'a.key') };
let watch: CertificateWatch | undefined;
afterEach(() => watch?.close());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes what the files hold. */
function write(text: string): void {
  writeFileSync(certificate.file, `certificate ${text}`);
  writeFileSync(key.file, `key ${text}`);
}

/** A gateway that takes every pair but bad ones, and says what it did. */
function owner() {
  const said: string[] = [];
  let tell = (): void => {};
  const say = (text: string): void => {
    said.push(text);
    tell();
  };
  const current = { parsed: parseConfig({ listen: { tls: { certificates: [{ certificate, key }] } } }) };
  const apply = async (parsed: ParsedConfig): Promise<void> => {
    const [pair] = parsed.base.listenTls?.certificates ?? [];
    if (pair?.key.includes('bad')) throw new Error('the key does not belong to the certificate');
    current.parsed = parsed;
    say(`applied ${pair?.certificate}, ${pair?.key}`);
  };
  const logger = {
    info: (_: object, message: string) => say(message),
    error: (fields: object, message: string) => say(`${message}: ${(fields as { reason: string }).reason}`),
  };
  const until = async (count: number): Promise<readonly string[]> => {
    while (said.length < count) await new Promise<void>((resolve) => (tell = resolve));
    return said;
  };
  return { current, apply, logger, said, until };
}

it('follows the files', async () => {
  write('1');
  const { current, apply, logger, said, until } = owner();
  watch = new CertificateWatch(current, apply, logger, { settle: 20, poll: 3_600_000 });
  watch.update();
  // Changed between reading and watching: noticed all the same.
  write('2');
  watch.start();
  expect(await until(2)).toEqual(['applied certificate 2, key 2', 'certificates exchanged']);
  watch.update();
  write('bad');
  expect((await until(3)).at(-1)).toBe(
    'the changed certificates are not used: those in force stay: the key does not belong to the certificate',
  );
  expect(current.parsed.base.listenTls?.certificates[0]?.key).toBe('key 2');
  rmSync(key.file);
  expect((await until(4)).at(-1)).toMatch(
    /^the changed certificates .* stay: listen\.tls\.certificates\[0\]\.key: expected the file ".*" to be readable, received ENOENT$/,
  );
  write('3');
  expect((await until(6)).slice(4)).toEqual(['applied certificate 3, key 3', 'certificates exchanged']);
  expect(said).toHaveLength(6);
});
