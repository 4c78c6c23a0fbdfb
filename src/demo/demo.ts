// The gateway that `npm start` shows: its configuration, its handler, its servers and three commands to try it.
import type { Gateway, GatewayConfig } from '../index.ts';
import { demoAudience, startIssuer } from './issuer.ts';
import { startUpstream } from './upstream.ts';

export interface Demo {
  readonly config: GatewayConfig;
  /** Adds the route that has a JavaScript handler. */
  register(gateway: Pick<Gateway, 'get'>): void;
  /** What to print once the gateway listens on `url`: three commands to paste, each with a comment. */
  lines(url: string): string[];
  close(): Promise<void>;
}

/** Starts the upstream and the issuer on free loopback ports. */
export async function startDemo(): Promise<Demo> {
  const [upstream, issuer] = await Promise.all([startUpstream(), startIssuer()]);
  const token = await issuer.token('ada', ['read:orders']);
  return {
    config: demoConfig(upstream.url, issuer),
    register(gateway) {
      gateway.get('/hello/:name', { id: 'hello' }, ({ params, traceId }) => ({
        hello: params.name,
        traceId,
      }));
    },
    lines: (url) => demoLines(url, token),
    async close() {
      await Promise.all([upstream.close(), issuer.close()]);
    },
  };
}

function demoConfig(upstreamUrl: string, issuer: { issuer: string; jwksUrl: string }): GatewayConfig {
  return {
    issuers: { demo: { issuer: issuer.issuer, audience: [demoAudience], jwks: issuer.jwksUrl } },
    limits: { fivePerTenSeconds: { rate: 5, per: '10s', key: 'client' } },
    upstreams: { demo: { targets: [upstreamUrl] } },
    routes: [
      { id: 'status', match: { path: '/status', methods: ['GET'] }, upstream: 'demo' },
      { id: 'echo', match: { path: '/echo' }, upstream: 'demo' },
      { id: 'slow', match: { path: '/slow', methods: ['GET'] }, upstream: 'demo' },
      {
        id: 'order',
        match: { path: '/orders/:id(\\d+)', methods: ['GET'] },
        jwt: { issuer: 'demo', scopes: ['read:orders'] },
        claimHeaders: { 'x-user': 'sub' },
        upstream: 'demo',
      },
      {
        id: 'limited',
        match: { path: '/limited', methods: ['GET'] },
        limits: ['fivePerTenSeconds'],
        upstream: 'demo',
      },
    ],
  };
}

function demoLines(url: string, token: string): string[] {
  return [
    '# a JavaScript handler',
    `curl -i ${url}/hello/you`,
    '# forwarded, for a token with the scope read:orders; without the header it is 401',
    `curl -i -H 'Authorization: Bearer ${token}' ${url}/orders/7`,
    '# five in ten seconds are forwarded, the sixth is 429',
    `curl -s -o /dev/null -w '%{http_code}\\n' '${url}/limited?[1-6]'`,
  ];
}
