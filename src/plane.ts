// What a gateway needs to serve requests: the engine of this environment, its metrics and its access records. It opens no socket.
import type { PlanIssuer } from './config/plan.ts';
import type { Runner } from './handler/failure.ts';
import { runHandler } from './handler/run.ts';
import type { Handler } from './handler/types.ts';
import { Bridge } from './listener/bridge.ts';
import type { MetricFamily, Native } from './native/calls.ts';
import type { Logger } from './observe/logger.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { type LoadWatch, watchLoad } from './observe/overload.ts';
import { createRecords, type Records } from './observe/records.ts';
import type { Readiness, RuntimeOptions } from './types.ts';

export interface PlaneOwner {
  readonly logger: Logger;
  readonly service: string;
  /** The form of error answers now. */
  format(): 'problem' | 'envelope';
  handler(number: number): Handler | undefined;
  /** The issuers of the plan in force, by their number. */
  issuers(): readonly PlanIssuer[];
  keysWanted(issuer: string): void;
  /** Leaves connections waiting, or takes them again, where JavaScript accepts them. */
  leaveWaiting(yes: boolean): void;
  /** Metrics that JavaScript keeps. */
  families(): readonly MetricFamily[];
}

export interface Plane {
  readonly bridge: Bridge;
  readonly metrics: Metrics;
  readonly load: LoadWatch;
  /** A worker asks for the keys of issuer number `issuer` of the plan of `generation`. */
  keysWanted(issuer: number, generation: number): void;
  /** Breaks what is still running, writes the last records. */
  close(): void;
}

/** A number from a plan that is no longer in force names no issuer: all are asked, each fetches at most once at a time. */
function wantKeys(owner: PlaneOwner, index: number, inForce: boolean): void {
  const issuers = inForce ? owner.issuers().slice(index, index + 1) : owner.issuers();
  for (const { id } of issuers) owner.keysWanted(id);
}

/** Opens the engine of `core`. Throws when a metric name is taken in the registry that was given. */
export function openPlane(native: Native, core: number, runtime: RuntimeOptions, owner: PlaneOwner): Plane {
  const { logger } = owner;
  const metrics = createMetrics({
    ...(runtime.registry === undefined ? {} : { registry: runtime.registry }),
    ...(runtime.metricsPrefix === undefined ? {} : { prefix: runtime.metricsPrefix }),
    service: owner.service,
    read: () => [...(JSON.parse(native.metrics(core)) as MetricFamily[]), ...owner.families()],
  });
  const runner: Runner = { logger, format: () => owner.format() };
  const keysWanted = (index: number, generation: number): void =>
    wantKeys(owner, index, generation === native.generation(core));
  const bridge = new Bridge(native, core, {
    handle: (exchange, handler) => runHandler(runner, exchange, owner.handler(handler)),
    keysWanted,
    report: (err) => logger.error({ err }, 'the gateway met an error of its own'),
  });
  native.engineHost(bridge.engine, true);
  const load = watchLoad({
    look: (late, used, there) => native.engineLook(bridge.engine, late, used, there),
    memory: true,
    stops: (yes) => owner.leaveWaiting(yes),
  });
  const sink = runtime.records ?? runtime.logger ?? process.stderr;
  const records: Records = createRecords({ take: (max) => native.takeRecords(core, max), sink, logger });
  return {
    bridge,
    metrics,
    load,
    keysWanted,
    close() {
      load.close();
      bridge.close();
      records.close();
      metrics.close();
    },
  };
}

/** Where keys and addresses of a core go. */
export function sourceSink(native: Native, core: number) {
  return {
    putKeys: (id: string, json: string) => native.putKeys(core, id, json),
    keysFailed: (id: string) => native.keysFailed(core, id),
    expireKeys: (id: string) => native.expireKeys(core, id),
    putDenied: (id: string, change: object) => native.putDenied(core, id, JSON.stringify(change)),
    putTargets: (id: string, json: string) => native.putTargets(core, id, json),
  };
}

/** Whether traffic may come: something listens, every issuer has keys and a deny-list that was read, every upstream an address, and new requests are not refused. */
export function readiness(
  missing: Record<'issuers' | 'upstreams' | 'denyLists', readonly string[]>,
  isListening: boolean,
  isRefusing: boolean,
): Readiness {
  const reasons = [
    ...(isListening ? [] : ['nothing listens yet']),
    ...missing.issuers.map((id) => `issuer "${id}" has no keys`),
    ...missing.denyLists.map((id) => `the deny-list of issuer "${id}" was not read yet`),
    ...missing.upstreams.map((id) => `upstream "${id}" has no address`),
    ...(isRefusing ? ['new requests are refused because of overload'] : []),
  ];
  return { ready: reasons.length === 0, reasons };
}
