// A certificate authority and server certificates made by the openssl command for one test run; nothing is kept.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A new authority: its certificate, and what it signs for a name or address (`DNS:a.test`, `IP:127.0.0.1`). */
export function createAuthority(): { ca: string; issue(...names: string[]): Certificate } {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-ca-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  openssl(...keyAndRequest('ca', '/CN=Ferrogate test authority'), '-x509', '-days', '2', '-out', 'ca.pem');
  let count = 0;
  return {
    ca: readFileSync(at('ca.pem'), 'utf8'),
    issue(...names) {
      count += 1;
      const name = `server${count}`;
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth\n`);
      openssl(...keyAndRequest(name, '/CN=server'), '-out', `${name}.csr`);
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', String(count), '-days', '2'];
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        ...signed,
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.pem`,
      );
      return { key: readFileSync(at(`${name}.key`), 'utf8'), cert: readFileSync(at(`${name}.pem`), 'utf8') };
    },
  };
}

function keyAndRequest(name: string, subject: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  return ['req', '-new', ...curve, '-keyout', `${name}.key`, '-subj', subject];
}
