// Options of an upstream: its servers, its connections and how they are verified.
import { z } from 'zod';
import { parseHttpUrl } from './addresses.ts';
import { balanceOptions, planBalance, unreadHashKey } from './balance.ts';
import { breakerSection, planBreaker } from './breaker.ts';
import { label } from './names.ts';
import { conflict, expecting, integer, list, option, optional, section, withDefault } from './option.ts';
import type { PlanTarget, PlanUpstream } from './plan.ts';
import { duration } from './units.ts';

const targetUrl = (): z.ZodString =>
  expecting(
    z.string().refine((text) => parseTarget(text) !== undefined),
    'an http or https URL without path, query, user name and password',
  );

export const targetSection = section(
  { name: 'TargetConfig', text: 'One server of an upstream.' },
  {
    url: option(
      targetUrl(),
      'Scheme, host and port, such as `"http://127.0.0.1:9002"`. Names are resolved again in time.',
    ),
    weight: option(
      withDefault(integer(1, 65535), 1),
      'Share of the requests, against the weights of the others.',
    ),
    zone: option(
      optional(label(), 'none'),
      'Where the server is. Those in the `zone` of the gateway are preferred, others take what they cannot.',
    ),
  },
);

export const tlsSection = section(
  { name: 'UpstreamTlsConfig', text: 'How the certificates of https targets are verified.' },
  {
    ca: option(
      optional(
        expecting(z.string().min(1).max(1_048_576), 'certificates in PEM form', { secret: true }),
        'the roots of the system',
      ),
      'Certificate authorities in PEM form that replace the roots of the system.',
    ),
  },
);

export const upstreamSection = section(
  { name: 'UpstreamConfig', text: 'Servers that answer the same requests.' },
  {
    targets: option(
      list(
        expecting(z.union([targetUrl(), targetSection]), 'a URL or an object {"url", "weight", "zone"}'),
        'targets',
        1,
      ),
      'The servers: URLs, or objects with a weight and a zone.',
    ),
    ...balanceOptions,
    connectTimeout: option(
      withDefault(duration('1ms', '10m'), '2s'),
      'How long a connection may take to open, TLS included.',
    ),
    idleTimeout: option(withDefault(duration('1ms', '24h'), '60s'), 'How long an unused connection is kept.'),
    maxConnections: option(
      withDefault(integer(1, 65535), 1024),
      'Most open connections to the upstream, of all its targets and all threads.',
    ),
    maxIdle: option(
      optional(integer(0, 65535), '256, or `maxConnections` if smaller'),
      'Most unused connections to the upstream that each thread keeps.',
    ),
    breaker: option(
      optional(breakerSection, 'every request is tried'),
      'When requests are refused because too many failed.',
    ),
    tls: option(withDefault(tlsSection, {}), 'Verification of https targets.'),
  },
).superRefine((upstream, context) => {
  const targets = upstream.targets.map((target) =>
    parseTarget(typeof target === 'string' ? target : target.url),
  );
  const urls = targets.map((target) => target?.url);
  urls.forEach((url, index) => {
    if (url === undefined || urls.indexOf(url) === index) return;
    context.addIssue(conflict(['targets', index], 'a target that is not in the list yet', url));
  });
  const unread = unreadHashKey(upstream);
  if (unread !== undefined) context.addIssue(conflict(['hashKey'], unread, upstream.hashKey));
  const { ca } = upstream.tls;
  const isVerified = targets.some((target) => target?.scheme === 'https');
  if (ca !== undefined && isVerified && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    context.addIssue(conflict(['tls', 'ca'], 'certificates in PEM form', ca));
  }
});

/** The upstream as the data plane of a gateway in `zone` wants it. */
export function planUpstream(
  id: string,
  upstream: z.output<typeof upstreamSection>,
  zone: string | undefined,
): PlanUpstream {
  return {
    id,
    targets: upstream.targets.map((target) => planTarget(target, zone)),
    ...planBalance(upstream),
    breaker: planBreaker(upstream.breaker),
    connectTimeoutMs: upstream.connectTimeout,
    idleTimeoutMs: upstream.idleTimeout,
    maxConnections: upstream.maxConnections,
    maxIdle: upstream.maxIdle ?? Math.min(256, upstream.maxConnections),
    tls: { caPem: upstream.tls.ca ?? null },
  };
}

type WrittenTarget = string | z.output<typeof targetSection>;

function planTarget(written: WrittenTarget, own: string | undefined): PlanTarget {
  const { url, weight, zone } =
    typeof written === 'string' ? { url: written, weight: 1, zone: undefined } : written;
  const target = parseTarget(url);
  if (target === undefined) throw new TypeError('a target passed its schema and is no URL');
  return { ...target, weight, local: zone !== undefined && zone === own };
}

function parseTarget(text: string): Omit<PlanTarget, 'weight' | 'local'> | undefined {
  const url = parseHttpUrl(text);
  if (url === undefined || url.pathname !== '/' || /[?#]/.test(text)) return undefined;
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  if (port === 0) return undefined;
  return { url: url.origin, scheme, host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
}
