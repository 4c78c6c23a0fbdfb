// Certificate authorities, and server and client certificates made by the openssl command for one test run; nothing is kept.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface ClientOptions {
  /** Alternative names, such as `URI:spiffe://test/ann`. */
  readonly names?: readonly string[];
  /** How long it is valid from now on; negative: it was. Default one day. */
  readonly seconds?: number;
}

export interface Authority {
  readonly ca: string;
  /** A server certificate for names or addresses (`DNS:a.test`, `IP:127.0.0.1`). */
  issue(...names: string[]): Certificate;
  /** A client certificate of a subject such as `/O=Test/CN=ann`. */
  client(subject: string, options?: ClientOptions): Certificate;
}

const daySeconds = 86_400;

/** A folder that is gone when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-tls-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A new authority and what it signs; clients take two of one name for the same. */
export function createAuthority(name = 'Ferrogate test authority'): Authority {
  const folder = temporaryFolder();
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  openssl(...keyAndRequest('ca', `/CN=${name}`), '-x509', '-days', '2', '-out', 'ca.pem');
  write('index.txt', '');
  write('ca.cnf', settings);
  let count = 0;
  const sign = (subject: string, extensions: string, seconds: number): Certificate => {
    count += 1;
    const file = `certificate${count}`;
    write(`${file}.ext`, extensions);
    openssl(...keyAndRequest(file, subject), '-out', `${file}.csr`);
    const [from, to] = [date(Math.min(-60, seconds - daySeconds)), date(seconds)];
    const files = ['-in', `${file}.csr`, '-extfile', `${file}.ext`, '-out', `${file}.pem`];
    openssl('ca', '-batch', '-config', 'ca.cnf', '-notext', '-startdate', from, '-enddate', to, ...files);
    return { key: read(`${file}.key`), cert: read(`${file}.pem`) };
  };
  return {
    ca: read('ca.pem'),
    issue: (...names) => sign('/CN=server', extensionsFor('serverAuth', names), daySeconds),
    client: (subject, { names = [], seconds = daySeconds } = {}) =>
      sign(subject, extensionsFor('clientAuth', names), seconds),
  };
}

/** Settings of `openssl ca`, the command that takes dates to the second. */
const settings = `[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
email_in_dn = no
[any]
organizationName = optional
commonName = optional
`;

function extensionsFor(usage: string, names: readonly string[]): string {
  const alternative = names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`;
  return `${alternative}extendedKeyUsage=${usage}\n`;
}

/** So many seconds from now, as `YYYYMMDDHHMMSSZ`. */
function date(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+|[-:T]/g, '');
}

function keyAndRequest(name: string, subject: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  return ['req', '-new', '-utf8', ...curve, '-keyout', `${name}.key`, '-subj', subject];
}
