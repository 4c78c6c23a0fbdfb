// The composition root: configuration, routes, data plane, listeners and observers are put together here, and nowhere else.
import { randomUUID } from 'node:crypto';
import { type AdminServer, startAdmin } from './admin/server.ts';
import { Announcer } from './announcer.ts';
import { listenerFacts } from './config/choice.ts';
import { type ParsedConfig, parseConfig, toPlan } from './config/parse.ts';
import type { Plan } from './config/plan.ts';
import type { GatewayConfig } from './config/types.ts';
import { DenyLists } from './denylist/lists.ts';
import { GatewayError } from './errors.ts';
import { Publisher } from './handler/publisher.ts';
import { RouteTable, routeInfo } from './handler/routes.ts';
import { createKeySources } from './jwks/sources.ts';
import { limitOverrides } from './limit-overrides.ts';
import { type InjectOptions, inject, requestLines } from './listener/inject.ts';
import { checkServed, closeListener, type OpenListener, openListener, shownConfig } from './listening.ts';
import { loadNative } from './native/binding.ts';
import { createLogger } from './observe/logger.ts';
import { openPlane, type Plane, readiness, sourceSink } from './plane.ts';
import { CertificateWatch } from './source/certificates.ts';
import { untilReady } from './takeover/readiness.ts';
import { adminDescriptor, closeOthers, fitting, socketsOf } from './takeover/sockets.ts';
import { createTargets } from './targets/resolve.ts';
import type {
  Explanation,
  Gateway,
  Listening,
  ListenOverrides,
  Readiness,
  RouteInfo,
  RuntimeOptions,
} from './types.ts';
import { Environments } from './workers/environments.ts';

/**
 * Makes a gateway; nothing listens and nothing is fetched before `listen` or `inject`.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID`, `ERR_FG_ROUTE_CONFLICT`, `ERR_FG_ADDON_UNAVAILABLE`
 */
export function createGateway(config: GatewayConfig = {}, runtime: RuntimeOptions = {}): Gateway {
  return new RunningGateway(parseConfig(config), runtime);
}

class RunningGateway extends Announcer implements Gateway {
  readonly #native = loadNative();
  readonly #publisher = new Publisher(
    () => this.#publish(),
    (error) => this.report(error),
  );
  readonly #overrides = limitOverrides(this.#native, this.#publisher, () => this.#core);
  readonly #runtime: RuntimeOptions;
  readonly #table: RouteTable;
  readonly #core: number;
  readonly #keys;
  readonly #denied;
  readonly #targets;
  readonly #certificates;
  readonly #environments: Environments;
  /** The plan in force. */
  #plan: Plan;
  /** Routes of code that are published. */
  #published = 0;
  #starting: Promise<Plane> | null = null;
  #plane: Plane | null = null;
  #listener: OpenListener | null = null;
  #admin: AdminServer | null = null;
  #isListening = false;
  #closing: Promise<void> | null = null;

  constructor(parsed: ParsedConfig, runtime: RuntimeOptions) {
    super((route, handler) => {
      this.#open();
      this.#environments.admit(route, handler);
      this.warn(this.#table.add(route, handler));
      this.#publisher.schedule();
    }, runtime.logger ?? createLogger());
    this.#runtime = runtime;
    this.#table = new RouteTable(this.#native, parsed, (warnings) => this.warn(warnings));
    this.#plan = toPlan(parsed);
    const core = runtime.core ?? randomUUID();
    this.#core = this.#native.coreOpen(core);
    const [sink, log] = [sourceSink(this.#native, this.#core), { logger: this.logger }];
    this.#keys = createKeySources(parsed.keySources, sink, log);
    this.#denied = new DenyLists(parsed, sink.putDenied, log);
    this.#targets = createTargets(this.#plan.upstreams, sink, log);
    this.#certificates = new CertificateWatch(this.#table, (next) => this.#apply(next), this.logger);
    this.#environments = new Environments({
      core,
      logger: this.logger,
      table: this.#table,
      format: () => this.#plan.errors.format,
      warn: (warnings) => this.warn(warnings),
      report: (error) => this.report(error),
    });
    this.#publisher.schedule();
  }

  async listen(overrides: ListenOverrides = {}): Promise<Listening> {
    this.#open();
    if (this.#isListening) throw new GatewayError('ERR_FG_ALREADY_LISTENING', 'the gateway listens already');
    this.#isListening = true;
    try {
      const { bridge } = await this.#start(overrides.workers);
      await this.#environments.resize(overrides.workers);
      const { parsed, code } = this.#table;
      const { host = parsed.listen.host, port = parsed.listen.port, takeover = [] } = overrides;
      if (takeover.length > 0) await untilReady(() => this.#native.missing(this.#core));
      // First what can fail: a connection that is accepted from a socket of another process must be served.
      this.#admin = await this.#startAdmin(overrides);
      this.#open();
      const fds = fitting(takeover, { role: 'http', host, port });
      const facts = listenerFacts(parsed, code, overrides.listener, overrides.workers);
      this.#listener = await openListener(bridge, parsed.listen, facts, overrides, fds);
      this.#open();
      closeOthers(takeover, [...fds, ...(this.#admin?.descriptors() ?? [])]);
      this.#certificates.start();
    } catch (error) {
      this.#listener?.sockets.close();
      await this.#admin?.close();
      this.#listener = null;
      this.#isListening = false;
      throw error;
    }
    const { url, listener, reason, sockets } = this.#listener;
    const { host, port } = sockets;
    const admin = this.#admin === null ? {} : { adminUrl: this.#admin.url };
    const listening: Listening = { url, host, port, ...admin, listener, listenerReason: reason };
    this.announce('listening', listening);
    return listening;
  }

  async inject(request: InjectOptions | string): Promise<Response> {
    this.#open();
    const { bridge } = this.#plane ?? (await this.#start());
    this.#publisher.flush();
    this.#open();
    return inject(bridge, typeof request === 'string' ? { url: request } : request);
  }

  async reload(config: GatewayConfig): Promise<number> {
    this.#open();
    return this.#apply(parseConfig(config));
  }

  async #apply(parsed: ParsedConfig): Promise<number> {
    this.#open();
    checkServed(this.#listener, listenerFacts(parsed, this.#table.code), parsed.listen);
    const checked = this.#table.check(parsed);
    let plan: Plan;
    let published: { generation: number; warnings: string[] };
    try {
      plan = toPlan(parsed, this.#table.code);
      published = this.#native.publish(this.#core, JSON.stringify(plan));
    } catch (error) {
      this.#table.discard(checked);
      throw error;
    }
    this.#table.accept(checked);
    this.warn(checked.warnings);
    this.#inForce(plan, published.warnings);
    this.#certificates.update();
    this.#keys.update(parsed.keySources);
    this.#denied.update(parsed);
    await this.#targets.update(plan.upstreams);
    this.announce('reload', published);
    return published.generation;
  }

  async applied(): Promise<number> {
    this.#open();
    return this.#publisher.pending ?? this.#native.generation(this.#core);
  }

  limitOverrides = () => this.#overrides.list();
  setLimitOverride: Gateway['setLimitOverride'] = (...args) => this.#overrides.set(...args);
  sockets = () => socketsOf(this.#listener?.sockets ?? null, this.#admin);
  close(options: Parameters<Gateway['close']>[0] = {}): Promise<void> {
    const { timeoutMs = this.#table.parsed.listen.shutdownTimeoutMs } = options;
    this.#closing ??= this.#shutDown(timeoutMs, options.handedOver === true);
    return this.#closing;
  }

  deny: Gateway['deny'] = async (request) => this.#denyLists().deny(request);
  undeny: Gateway['undeny'] = async (tokens) => this.#denyLists().undeny(tokens);

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  routes(): RouteInfo[] {
    return [...this.#table.parsed.routes, ...this.#table.code].map(routeInfo);
  }

  explain(
    method: string,
    url: string,
    headers: InjectOptions['headers'] = {},
    ip = '127.0.0.1',
  ): Explanation {
    this.#open();
    this.#publisher.flush();
    this.#keys.startInline();
    const { target, block } = requestLines({ method, url, headers });
    return JSON.parse(this.#native.explain(this.#core, method, target, block, ip)) as Explanation;
  }

  ready(): Readiness {
    if (this.#closing !== null) return { ready: false, reasons: ['the gateway is closing'] };
    // Threads of their own need no event loop.
    const needLoop = typeof this.#listener?.threads !== 'number';
    const isRefusing = this.#plane?.load.refuses(needLoop) === true;
    const missing = { ...this.#native.missing(this.#core), denyLists: this.#denied.unknown() };
    return readiness(missing, this.#listener !== null, isRefusing);
  }

  #open(): void {
    if (this.#closing !== null) throw new GatewayError('ERR_FG_CLOSED', 'the gateway is closed');
  }

  #denyLists(): DenyLists {
    this.#open();
    this.#publisher.flush();
    return this.#denied;
  }

  #publish(): number {
    const { code, parsed } = this.#table;
    try {
      checkServed(this.#listener, listenerFacts(parsed, code), parsed.listen);
      const plan = toPlan(parsed, code);
      const { generation, warnings } = this.#native.publish(this.#core, JSON.stringify(plan));
      this.#inForce(plan, warnings);
      return generation;
    } catch (error) {
      this.#table.rollBack(this.#published);
      throw error;
    }
  }

  #inForce(plan: Plan, warnings: readonly string[]): void {
    this.#plan = plan;
    this.#published = this.#table.code.length;
    this.warn(warnings.filter((warning) => !warning.startsWith('route '))); // told when the routes came
    this.#environments.update();
  }

  /** Opens the engine, once; fulfilled when the addresses of upstreams were asked for. */
  #start(workers?: number): Promise<Plane> {
    this.#starting ??= this.#startPlane(workers).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  async #startPlane(workers?: number): Promise<Plane> {
    const hasMore = await this.#environments.load(workers);
    if (hasMore || this.#native.generation(this.#core) === 0) this.#publisher.schedule();
    const { pending } = this.#publisher;
    this.#publisher.flush();
    await pending;
    const plane = openPlane(this.#native, this.#core, this.#runtime, {
      logger: this.logger,
      service: this.#plan.service,
      format: () => this.#plan.errors.format,
      handler: (number) => this.#table.handler(number),
      issuers: () => this.#plan.issuers,
      keysWanted: (issuer) => this.#keys.wanted(issuer),
      leaveWaiting: (yes) => this.#listener?.sockets.pause?.(yes),
      families: () => [
        ...this.#keys.stats(),
        ...this.#denied.stats(),
        ...(this.#listener?.sockets.families() ?? []),
      ],
    });
    await this.#environments.serve(plane.keysWanted);
    this.#keys.start();
    this.#denied.start();
    await this.#targets.start();
    this.#plane = plane;
    return plane;
  }

  async #startAdmin({ admin: overrides, takeover }: ListenOverrides): Promise<AdminServer | null> {
    const { admin } = this.#table.parsed;
    if (overrides === false || (overrides === undefined && !admin)) return null;
    const { host = '127.0.0.1', port = 9901 } = { ...(admin === false ? {} : admin), ...overrides };
    const fd = takeover && (await adminDescriptor(this.#native, takeover, { host, port }));
    return startAdmin(
      { host, port, ...(fd === undefined ? {} : { fd }) },
      {
        live: () => true,
        ready: () => this.ready(),
        metrics: async () => (await this.#start()).metrics.text(),
        routes: () => this.routes(),
        config: () => shownConfig(this.#table.parsed.written, this.#listener),
      },
    );
  }

  async #shutDown(timeoutMs: number, handedOver: boolean): Promise<void> {
    this.#publisher.flush();
    const plane = await this.#starting?.catch(() => null);
    if (handedOver) this.#admin?.stopAccepting();
    if (plane) {
      const { drainDelayMs } = this.#table.parsed.listen;
      const closing = { delayMs: handedOver ? 0 : drainDelayMs, timeoutMs, handedOver };
      await closeListener(plane.bridge, this.#listener?.sockets ?? null, closing);
    }
    await this.#environments.close();
    plane?.close();
    for (const part of [this.#certificates, this.#keys, this.#denied, this.#targets]) part.close();
    await this.#admin?.close();
    this.#table.close();
    this.#native.coreClose(this.#core);
    this.announce('close');
  }
}
