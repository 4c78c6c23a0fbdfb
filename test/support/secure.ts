// A gateway that speaks TLS, and clients for it: Node's https and tls, `openssl s_client` and curl.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Gateway, GatewayConfig } from '../../src/index.ts';
import { type Certificate, createAuthority, temporaryFolder } from './certificates.ts';
import { type ListeningGateway, startGateway } from './gateway.ts';
import { RawClient } from './raw.ts';
import { bodyOf } from './upstream.ts';

type ListenConfig = NonNullable<GatewayConfig['listen']>;
export type TlsConfig = NonNullable<ListenConfig['tls']>;

/** What all tests of a file trust, and what the gateway shows when nothing else is asked for. */
export const authority = createAuthority();
export const site = authority.issue('DNS:site.test', 'IP:127.0.0.1');

/** A pair as `listen.tls.certificates` wants it. */
export const pair = ({ cert, key }: Certificate): { certificate: string; key: string } => ({
  certificate: cert,
  key,
});

/** A gateway that shows `site` unless `tls` says otherwise. */
export function startSecure(
  tls: Partial<TlsConfig> = {},
  { listen, ...config }: GatewayConfig = {},
  register: (gateway: Gateway) => void = () => {},
): Promise<ListeningGateway> {
  return startGateway({ ...config, listen: { ...listen, tls: tlsOf(tls) } }, register);
}

export function tlsOf(tls: Partial<TlsConfig> = {}): TlsConfig {
  return { certificates: [pair(site)], ...tls };
}

export interface SecureAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  readonly socket: TLSSocket;
}

/** One request over a connection of its own, unless an agent is given. */
export async function ask(
  { port }: { readonly port: number },
  path = '/',
  { body, ...options }: RequestOptions & { body?: string | Uint8Array } = {},
): Promise<SecureAnswer> {
  const sent = request({ ...addressOf(port), agent: false, path, ...options });
  // An answer may come before the whole request is sent; what breaks then is no concern.
  sent.on('error', () => {});
  const [response] = await once(sent.end(body), 'response');
  const read = await bodyOf(response);
  const { statusCode, headers, socket } = response;
  return { status: statusCode, headers, body: read, text: String(read), socket };
}

/** What the error says that ends a connection or its first request; empty when it is served. */
export function refusal(made: { readonly port: number }, options: RequestOptions = {}): Promise<string> {
  return ask(made, '/', options).then(
    () => '',
    (error: Error) => error.message,
  );
}

/** A client that sends bytes of its own over TLS. */
export async function secureClient(
  { port }: { readonly port: number },
  options: ConnectionOptions = {},
): Promise<{ client: RawClient; socket: TLSSocket }> {
  const socket = connect({ ...addressOf(port), allowHalfOpen: true, ...options } as ConnectionOptions);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return { client: RawClient.over(socket), socket };
}

/** Where a gateway is, for `https.request` and `tls.connect`. */
export function addressOf(port: number): { host: string; port: number; ca: string; servername: string } {
  return { host: '127.0.0.1', port, ca: authority.ca, servername: 'site.test' };
}

/** The common fields of what a server showed. */
export const shownTo = (socket: TLSSocket): string | undefined => socket.getPeerCertificate().subjectaltname;

const folder = temporaryFolder();
let written = 0;

/** A file with this content, for a command. */
export function fileOf(text: string | Uint8Array): string {
  written += 1;
  const path = join(folder, `${written}.pem`);
  writeFileSync(path, text);
  return path;
}

/** Arguments that make `openssl s_client` and curl trust the authority and show a certificate. */
export const opensslTrust = ['-CAfile', fileOf(authority.ca), '-verify_return_error'];
export const opensslShows = ({ cert, key }: Certificate): string[] => [
  '-cert',
  fileOf(cert),
  '-key',
  fileOf(key),
];

export interface Said {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly text: string;
}

/** Runs a command, which gets this input once it has printed `readsAfter`; without input it gets none. */
export async function command(
  program: string,
  args: readonly string[],
  { input, readsAfter = '' }: { input?: string; readsAfter?: string } = {},
): Promise<Said> {
  const child = spawn(program, args);
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  let isFed = false;
  const hear = (piece: Buffer): void => {
    text += piece.toString('latin1');
    if (isFed || input === undefined || !text.includes(readsAfter)) return;
    isFed = true;
    child.stdin.write(input);
  };
  child.stdin.on('error', () => {});
  if (input === undefined) child.stdin.end();
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const [code] = await once(child, 'close');
  return { code, text };
}

/** `openssl s_client` that sends one GET for `host` and reads until the gateway closes. */
export function sClient(port: number, args: readonly string[], host = 'site.test'): Promise<Said> {
  const input = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const all = ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...opensslTrust, ...args];
  return command('openssl', all, { input, readsAfter: 'Verify return code' });
}
