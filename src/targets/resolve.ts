// Turns the targets of upstreams into addresses and pushes them to the data plane, which never resolves a name itself.
import { isIP, isIPv6 } from 'node:net';
import type { PlanUpstream } from '../config/plan.ts';
import type { Logger } from '../observe/logger.ts';
import { type NameOptions, ResolvedName } from './name.ts';
import { type Resolver, systemResolver } from './resolver.ts';

/** What is needed of an upstream of the plan. */
export type TargetUpstream = Pick<PlanUpstream, 'id' | 'targets'>;

export interface TargetSink {
  /** `targetsJson` is `[{"url","addresses":["1.2.3.4:80","[::1]:80"]}]`, every target of the upstream in its order. */
  putTargets(upstreamId: string, targetsJson: string): void;
}

export interface TargetsOptions {
  readonly logger: Logger;
  /** Default: the resolver of this machine. */
  readonly resolver?: Resolver;
  /** Milliseconds between two resolutions of a name whose TTL is not known; default 30,000. */
  readonly intervalMs?: number;
}

export interface Targets {
  /** Pushes addresses given as such at once, then resolves names; fulfilled when each name was tried once. */
  start(): Promise<void>;
  /** Replaces the upstreams: names in use keep their addresses, new ones are resolved, all are pushed. */
  update(upstreams: readonly TargetUpstream[]): Promise<void>;
  close(): void;
}

/** The targets of `upstreams`; nothing is pushed before `start`, which comes after the plan that names them is in force. */
export function createTargets(
  upstreams: readonly TargetUpstream[],
  sink: TargetSink,
  options: TargetsOptions,
): Targets {
  return new RunningTargets(upstreams, sink, options);
}

class RunningTargets implements Targets {
  readonly #sink: TargetSink;
  readonly #options: NameOptions;
  readonly #names = new Map<string, ResolvedName>();
  /** What was pushed last, by upstream. */
  readonly #pushed = new Map<string, string>();
  #upstreams: readonly TargetUpstream[];
  #isStarted = false;
  #isClosed = false;

  constructor(upstreams: readonly TargetUpstream[], sink: TargetSink, options: TargetsOptions) {
    const { logger, resolver = systemResolver(), intervalMs = 30_000 } = options;
    this.#options = { logger, resolver, intervalMs };
    this.#upstreams = upstreams;
    this.#sink = sink;
  }

  async start(): Promise<void> {
    if (this.#isStarted || this.#isClosed) return;
    this.#isStarted = true;
    await this.#follow();
  }

  async update(upstreams: readonly TargetUpstream[]): Promise<void> {
    this.#upstreams = upstreams;
    this.#pushed.clear();
    if (this.#isStarted && !this.#isClosed) await this.#follow();
  }

  close(): void {
    this.#isClosed = true;
    for (const name of this.#names.values()) name.close();
    this.#names.clear();
  }

  /** Pushes what is known, forgets names that are not used any more, and asks for new ones. */
  async #follow(): Promise<void> {
    const hosts = hostNames(this.#upstreams);
    for (const [host, name] of this.#names) {
      if (hosts.has(host)) continue;
      name.close();
      this.#names.delete(host);
    }
    for (const upstream of this.#upstreams) this.#push(upstream);
    for (const host of hosts) {
      if (this.#names.has(host)) continue;
      this.#names.set(host, new ResolvedName(host, this.#options, () => this.#changed(host)));
    }
    await Promise.all([...this.#names.values()].map((name) => name.first));
  }

  #changed(host: string): void {
    for (const upstream of this.#upstreams) {
      if (upstream.targets.some((target) => target.host === host)) this.#push(upstream);
    }
  }

  #push(upstream: TargetUpstream): void {
    const text = targetsText(upstream, this.#names);
    if (this.#isClosed || this.#pushed.get(upstream.id) === text) return;
    this.#pushed.set(upstream.id, text);
    this.#sink.putTargets(upstream.id, text);
  }
}

function hostNames(upstreams: readonly TargetUpstream[]): Set<string> {
  const hosts = upstreams.flatMap((upstream) => upstream.targets.map((target) => target.host));
  return new Set(hosts.filter((host) => isIP(host) === 0));
}

function targetsText(upstream: TargetUpstream, names: ReadonlyMap<string, ResolvedName>): string {
  const targets = upstream.targets.map(({ url, host, port }) => {
    const addresses = isIP(host) === 0 ? (names.get(host)?.addresses ?? []) : [host];
    return { url, addresses: addresses.map((address) => withPort(address, port)) };
  });
  return JSON.stringify(targets);
}

function withPort(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}
