// The composition root: configuration, routes, data plane, listeners and observers are put together here, and nowhere else.
import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { type AdminServer, startAdmin } from './admin/server.ts';
import { maskConfig } from './config/mask.ts';
import { type ParsedConfig, parseConfig, toPlan } from './config/parse.ts';
import type { Plan } from './config/plan.ts';
import type { GatewayConfig } from './config/types.ts';
import { GatewayError } from './errors.ts';
import { Publisher } from './handler/publisher.ts';
import { Registrar } from './handler/registrar.ts';
import { RouteTable, routeInfo } from './handler/routes.ts';
import { createKeySources } from './jwks/sources.ts';
import { type InjectOptions, inject, requestLines } from './listener/inject.ts';
import { type Listener, listenUws } from './listener/uws.ts';
import { loadNative } from './native/binding.ts';
import { createLogger } from './observe/logger.ts';
import { openPlane, type Plane } from './plane.ts';
import { createTargets } from './targets/resolve.ts';
import type {
  Explanation,
  Gateway,
  GatewayEvents,
  Listening,
  ListenOverrides,
  Readiness,
  RouteInfo,
  RuntimeOptions,
} from './types.ts';

/**
 * Makes a gateway; nothing listens and nothing is fetched before `listen` or `inject`.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID`, `ERR_FG_ROUTE_CONFLICT`, `ERR_FG_ADDON_UNAVAILABLE`
 */
export function createGateway(config: GatewayConfig = {}, runtime: RuntimeOptions = {}): Gateway {
  return new RunningGateway(parseConfig(config), runtime);
}

class RunningGateway extends Registrar<''> implements Gateway {
  readonly #native = loadNative();
  readonly #publisher = new Publisher(
    () => this.#publish(),
    (error) => this.#report(error),
  );
  readonly #runtime: RuntimeOptions;
  readonly #logger;
  readonly #events = new EventEmitter<GatewayEvents>();
  readonly #table: RouteTable;
  readonly #core: number;
  readonly #keys;
  readonly #targets;
  /** The plan in force. */
  #plan: Plan;
  /** Routes of code that are published. */
  #published = 0;
  #starting: Promise<Plane> | null = null;
  #plane: Plane | null = null;
  #listener: Listener | null = null;
  #admin: AdminServer | null = null;
  #isListening = false;
  #closing: Promise<void> | null = null;

  constructor(parsed: ParsedConfig, runtime: RuntimeOptions) {
    super((route, handler) => {
      this.#open();
      this.#warn(this.#table.add(route, handler));
      this.#publisher.schedule();
    });
    this.#runtime = runtime;
    this.#logger = runtime.logger ?? createLogger();
    this.#table = new RouteTable(this.#native, parsed, (warnings) => this.#warn(warnings));
    this.#plan = toPlan(parsed);
    this.#core = this.#native.coreOpen(runtime.core ?? '');
    const sink = {
      putKeys: (id: string, json: string) => this.#native.putKeys(this.#core, id, json),
      keysFailed: (id: string) => this.#native.keysFailed(this.#core, id),
      putTargets: (id: string, json: string) => this.#native.putTargets(this.#core, id, json),
    };
    this.#keys = createKeySources(parsed.keySources, sink, { logger: this.#logger });
    this.#targets = createTargets(this.#plan.upstreams, sink, { logger: this.#logger });
    this.#publisher.schedule();
  }

  async listen(overrides: ListenOverrides = {}): Promise<Listening> {
    this.#open();
    if (this.#isListening) throw new GatewayError('ERR_FG_ALREADY_LISTENING', 'the gateway listens already');
    this.#isListening = true;
    try {
      const { bridge } = await this.#start();
      const { listen } = this.#table.parsed;
      const { host = listen.host, port = listen.port } = overrides;
      this.#listener = await listenUws(bridge, { host, port, maxHeaderBytes: listen.maxHeaderBytes });
      this.#open();
      this.#admin = await this.#startAdmin(overrides.admin);
      this.#open();
    } catch (error) {
      this.#listener?.close();
      await this.#admin?.close();
      this.#listener = null;
      this.#isListening = false;
      throw error;
    }
    const { host, port } = this.#listener;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    const admin = this.#admin === null ? {} : { adminUrl: this.#admin.url };
    const listening: Listening = { url, host, port, ...admin, listener: 'uws' };
    this.#events.emit('listening', listening);
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
    const parsed = parseConfig(config);
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
    this.#warn(checked.warnings);
    this.#inForce(plan, this.#table.code.length);
    this.#keys.update(parsed.keySources);
    await this.#targets.update(plan.upstreams);
    this.#events.emit('reload', published);
    return published.generation;
  }

  async applied(): Promise<number> {
    this.#open();
    return this.#publisher.pending ?? this.#native.generation(this.#core);
  }

  close(options: { timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs = this.#table.parsed.listen.shutdownTimeoutMs } = options;
    this.#closing ??= this.#shutDown(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  on<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this {
    this.#events.on(name, listener as never);
    return this;
  }
  once<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this {
    this.#events.once(name, listener as never);
    return this;
  }
  off<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this {
    this.#events.off(name, listener as never);
    return this;
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
    const { issuers, upstreams } = this.#native.missing(this.#core);
    const reasons = [
      ...(this.#listener === null ? ['nothing listens yet'] : []),
      ...issuers.map((id) => `issuer "${id}" has no keys yet`),
      ...upstreams.map((id) => `upstream "${id}" has no address`),
    ];
    return { ready: reasons.length === 0, reasons };
  }

  #open(): void {
    if (this.#closing !== null) throw new GatewayError('ERR_FG_CLOSED', 'the gateway is closed');
  }

  #warn(warnings: readonly string[]): void {
    for (const warning of warnings) this.#logger.warn({}, warning);
  }

  #publish(): number {
    const { code, parsed } = this.#table;
    try {
      const plan = toPlan(parsed, code);
      const { generation } = this.#native.publish(this.#core, JSON.stringify(plan));
      this.#inForce(plan, code.length);
      return generation;
    } catch (error) {
      this.#table.rollBack(this.#published);
      throw error;
    }
  }

  #inForce(plan: Plan, codeRoutes: number): void {
    this.#plan = plan;
    this.#published = codeRoutes;
  }

  #report(error: Error): void {
    if (this.#events.listenerCount('error') > 0) this.#events.emit('error', error);
    else this.#logger.error({ err: error }, 'the gateway met an error');
  }

  /** Opens the engine, once; fulfilled when the addresses of upstreams were asked for. */
  #start(): Promise<Plane> {
    this.#starting ??= this.#startPlane().catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  async #startPlane(): Promise<Plane> {
    if (this.#native.generation(this.#core) === 0) this.#publisher.schedule();
    const { pending } = this.#publisher;
    this.#publisher.flush();
    await pending;
    const plane = openPlane(this.#native, this.#core, this.#runtime, {
      logger: this.#logger,
      service: this.#plan.service,
      format: () => this.#plan.errors.format,
      handler: (number) => this.#table.handler(number),
      issuers: () => this.#plan.issuers,
      keysWanted: (issuer) => this.#keys.wanted(issuer),
      families: () => [...this.#keys.stats(), ...(this.#listener?.families() ?? [])],
    });
    this.#keys.start();
    await this.#targets.start();
    this.#plane = plane;
    return plane;
  }

  async #startAdmin(overrides: ListenOverrides['admin']): Promise<AdminServer | null> {
    const { admin } = this.#table.parsed;
    if (overrides === false || (overrides === undefined && !admin)) return null;
    const { host = '127.0.0.1', port = 9901 } = { ...(admin === false ? {} : admin), ...overrides };
    return startAdmin(
      { host, port },
      {
        live: () => true,
        ready: () => this.ready(),
        metrics: async () => (await this.#start()).metrics.text(),
        routes: () => this.routes(),
        config: () => maskConfig(this.#table.parsed.written) as object,
      },
    );
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    this.#publisher.flush();
    const plane = await this.#starting?.catch(() => null);
    this.#listener?.stopAccepting();
    if (plane) {
      this.#native.engineDrain(plane.bridge.engine);
      await atMost(timeoutMs, Promise.all([plane.bridge.idle(), this.#listener?.quiet()]));
      this.#listener?.close();
      plane.close();
    }
    this.#keys.close();
    this.#targets.close();
    await this.#admin?.close();
    this.#table.close();
    this.#native.coreClose(this.#core);
    this.#events.emit('close');
  }
}

/** Waits for `done`, but not longer. */
async function atMost(timeoutMs: number, done: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const timeout = setTimeout(timeoutMs, undefined, { signal: settled.signal }).catch(() => {});
  await Promise.race([done, timeout]);
  settled.abort();
}
