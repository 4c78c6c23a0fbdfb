// Several upstreams that count, behind one gateway: for tests of where requests go.
import type { UpstreamConfig } from '../../src/index.ts';
import { type ListeningGateway, startGateway } from './gateway.ts';
import { startUpstream, type Upstream } from './upstream.ts';

/** Upstreams that answer with their names. */
export async function namedUpstreams(...names: string[]): Promise<Upstream[]> {
  return Promise.all(names.map((name) => startUpstream((_, response) => response.end(name))));
}

/** A gateway whose every path goes to `targets`. */
export async function balanced(
  targets: UpstreamConfig['targets'],
  changes: Omit<UpstreamConfig, 'targets'>,
  whole: Parameters<typeof startGateway>[0] = {},
): Promise<ListeningGateway> {
  return startGateway(balancedConfig(targets, changes, whole));
}

export function balancedConfig(
  targets: UpstreamConfig['targets'],
  changes: Omit<UpstreamConfig, 'targets'>,
  whole: Parameters<typeof startGateway>[0] = {},
): NonNullable<Parameters<typeof startGateway>[0]> {
  return {
    upstreams: { back: { targets, ...changes } },
    routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
    ...whole,
  };
}

/** The name of the upstream that answers. */
export async function answeredBy(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, { headers });
  const text = await response.text();
  return response.status === 200 ? text : `${response.status} ${text}`;
}

/** How many of `count` requests, one after the other, each upstream answers. */
export async function tally(
  url: string,
  count: number,
  headers: (at: number) => Record<string, string> = () => ({}),
): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let at = 0; at < count; at += 1) {
    const name = await answeredBy(url, headers(at));
    seen[name] = (seen[name] ?? 0) + 1;
  }
  return seen;
}
