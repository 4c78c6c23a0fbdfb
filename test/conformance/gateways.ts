// The gateways that the cases are sent to, and what the listener under test does not meet.
import { createGateway, type Gateway, type GatewayConfig } from '../../src/index.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { isNative, underTest } from '../support/listeners.ts';
import type { GatewayName } from './case.ts';
import nativeGaps from './native-gaps.json' with { type: 'json' };
import { type Origin, startOrigin } from './origin.ts';
import uwsGaps from './uws-gaps.json' with { type: 'json' };

/** A gateway with a counting upstream behind it. */
export interface Subject {
  readonly port: number;
  readonly origin: Origin;
  close(): Promise<void>;
}

/** A case that a listener does not meet. */
export interface Gap {
  /** What is seen instead. */
  readonly seen: string;
  /** Why it cannot be mended here. */
  readonly reason: string;
}

/** By the name of the case. */
export const gaps: Readonly<Record<string, Gap>> = isNative ? nativeGaps : uwsGaps;

export const gatewayNames: readonly GatewayName[] = ['plain', 'envelope', 'chunked'];

const issuer = 'https://issuer.test';

/** Stands in a case where a token that `/me` accepts belongs. */
export const TOKEN = '@TOKEN@';
let signed: string | undefined;
/** A token with the subject `ada`. */
export function token(): string {
  signed ??= signToken(signingKey('conformance'), goodClaims(issuer));
  return signed;
}

/** Stands in a case where a limit key belongs that no other sending of the case has. */
export const KEY = '@KEY@';

/** The bodies of `/public/…` may have this many bytes, those of `/small` 8. */
export const MAX_BODY_BYTES = 262_144;

function configOf(name: GatewayName, originUrl: string): GatewayConfig {
  const upstream = 'origin';
  const all = ['%2f', '%5c', '//', '\\'] as const;
  return {
    listen: {
      maxBodyBytes: MAX_BODY_BYTES,
      chunkedRequests: name === 'chunked' ? 'accept' : 'refuse',
      // Shorter than the patience of the client; uWebSockets.js has its own.
      ...(isNative ? { headerTimeout: '2s' } : {}),
    },
    errors: { format: name === 'envelope' ? 'envelope' : 'problem' },
    records: false,
    issuers: { main: { issuer, audience: false, jwks: { keys: [signingKey('conformance').jwk] } } },
    limits: { once: { rate: 1, per: '1h', key: 'header:x-limit-key' } },
    upstreams: { origin: { targets: [originUrl] } },
    routes: [
      { match: { path: '/public/*rest' }, upstream },
      { match: { path: '/admin' }, jwt: 'main', upstream },
      { match: { path: '/admin/*rest' }, jwt: 'main', upstream },
      { match: { path: '/orders/:id', methods: ['GET', 'PUT'] }, upstream },
      { match: { path: '/small', methods: ['POST'] }, maxBodyBytes: 8, upstream },
      { match: { path: '/lenient/*rest' }, allowEncoded: [...all], upstream },
      { match: { path: '/tenant', host: 'tenant.test' }, upstream },
      { match: { path: '/kept' }, preserveHost: true, upstream },
      { match: { path: '/api/*rest' }, rewrite: { stripPrefix: '/api', addPrefix: '/v1' }, upstream },
      { match: { path: '/limited' }, limits: ['once'], upstream },
      { match: { path: '/shared' }, cors: { origins: ['https://app.test'], methods: ['PUT'] }, upstream },
      {
        match: { path: '/me' },
        jwt: 'main',
        claimHeaders: { 'X-User-Id': 'sub' },
        headers: { set: { 'X-Zone': 'inner' }, remove: ['x-removed'] },
        upstream,
      },
    ],
  };
}

/** Starts a gateway behind the listener under test. */
export async function startSubject(name: GatewayName, host = '127.0.0.1'): Promise<Subject> {
  const origin = await startOrigin();
  const silent = { info() {}, warn() {}, error() {} };
  const gateway = createGateway(configOf(name, origin.url), { logger: silent });
  addHandlers(gateway);
  const { port } = await gateway.listen({ host, port: 0, ...underTest });
  return {
    port,
    origin,
    async close() {
      await gateway.close({ timeoutMs: 0 });
      await origin.close();
    },
  };
}

function addHandlers(gateway: Gateway): void {
  gateway.get('/hello/:name', (context) => ({ hello: context.params.name }));
  gateway.get('/nothing', () => undefined);
  gateway.get('/stream', () => new Blob(['stre', 'amed']).stream());
  gateway.get('/throw', () => {
    throw new Error('the secret of the handler');
  });
  gateway.post('/ignore', { maxBodyBytes: 10_000_000 }, () => 'not read');
  gateway.post('/read', async (context) => (await context.body.bytes()).length.toString());
  gateway.get('/split', (context) => {
    const refused = injections.filter(([name, value]) => {
      try {
        context.header(name, value);
        return false;
      } catch {
        return true;
      }
    });
    return `${refused.length} of ${injections.length} refused`;
  });
  gateway.get(
    '/split-response',
    () => new Response('split', { headers: { 'x-text': 'a\tb', 'x-next': 'c' } }),
  );
}

/** What a handler may not put into a header: each would begin a second line or message. */
const injections: readonly (readonly [name: string, value: string])[] = [
  ['x-a', 'a\r\nX-Injected: 1'],
  ['x-a', 'a\nX-Injected: 1'],
  ['x-a', 'a\rX-Injected: 1'],
  ['x-a', 'a\r\n\r\nHTTP/1.1 200 OK\r\n'],
  ['x-a', 'a\0b'],
  ['x-a\r\nX-Injected', '1'],
  ['x a', '1'],
  ['x:a', '1'],
  ['', '1'],
];
