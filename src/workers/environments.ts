// The Node environments that run JavaScript handlers, this one and the workers: which routes have handlers, and in how many of them. It serves no request.
import { parseRoute } from '../config/parse.ts';
import type { RouteConfig } from '../config/types.ts';
import { type GatewayError, invalidConfig } from '../errors.ts';
import type { RouteTable } from '../handler/routes.ts';
import type { Handler } from '../handler/types.ts';
import type { Logger } from '../observe/logger.ts';
import { handlersError, loadRegistrations, type Registration } from './module.ts';
import { WorkerPool } from './pool.ts';
import type { Binding, WorkerSetup } from './protocol.ts';

export interface EnvironmentsOwner {
  /** Name of the core. */
  readonly core: string;
  readonly logger: Logger;
  readonly table: RouteTable;
  /** The form of error answers now. */
  format(): Binding['format'];
  /** Routes were added, with these warnings. */
  warn(warnings: readonly string[]): void;
  report(error: Error): void;
}

type KeysWanted = (issuer: number, generation: number) => void;

export class Environments {
  readonly #owner: EnvironmentsOwner;
  readonly #pool: WorkerPool;
  /** How many run or start; null: as the configuration says. */
  #count: number | null = null;
  /** The module that was run; a reload does not change it. */
  #file: string | null = null;
  /** Ids of the routes that it registered. */
  readonly #ofModule = new Set<string>();
  #keysWanted: KeysWanted = () => {};

  constructor(owner: EnvironmentsOwner) {
    this.#owner = owner;
    this.#pool = new WorkerPool({
      logger: owner.logger,
      setup: () => this.#setup(),
      binding: () => this.#binding(),
      keysWanted: (issuer, generation) => this.#keysWanted(issuer, generation),
      report: (error) => owner.report(error),
    });
  }

  /**
   * Whether a route may be registered in code.
   * @throws GatewayError `ERR_FG_CONFIG_INVALID` for one with a handler where there are workers
   */
  admit(route: RouteConfig, handler: Handler | undefined): void {
    const count = this.#count ?? this.#owner.table.parsed.listen.workers;
    if (handler !== undefined && count > 1) throw inlineError([this.#idOf(route)]);
  }

  /**
   * Runs the module of handlers in `count` environments and adds its routes, which are to be published then; whether
   * there were any.
   * @throws GatewayError `ERR_FG_CONFIG_INVALID` and adds nothing when an environment lacks a route that another has
   */
  async load(count = this.#owner.table.parsed.listen.workers): Promise<boolean> {
    this.#ofModule.clear();
    this.#file = this.#owner.table.parsed.listen.handlers;
    this.#demandModule(count);
    this.#count = count;
    try {
      // Those of an earlier attempt whose routes could not be published.
      await this.#pool.close();
      if (this.#file === null) return false;
      const [registered] = await Promise.all([loadRegistrations(this.#file), this.#pool.grow(count - 1)]);
      await this.#pool.check(this.#handlerIds(registered));
      this.#add(registered);
      return registered.length > 0;
    } catch (error) {
      this.#count = null;
      await this.#pool.close();
      throw error;
    }
  }

  /** Has the workers serve: their routes are published. */
  async serve(keysWanted: KeysWanted): Promise<void> {
    this.#keysWanted = keysWanted;
    await this.#pool.serve();
  }

  /** Runs handlers in `count` environments from now on. */
  async resize(count = this.#owner.table.parsed.listen.workers): Promise<void> {
    const before = this.#pool.size;
    this.#demandModule(count);
    this.#count = count;
    if (count - 1 <= before) return this.#pool.shrink(count - 1);
    try {
      await this.#pool.grow(count - 1);
      await this.#pool.check(this.#binding().handlers.map(([, id]) => id));
    } catch (error) {
      this.#count = before + 1;
      await this.#pool.shrink(before);
      throw error;
    }
    await this.#pool.serve();
  }

  /** Another plan is in force. */
  update(): void {
    this.#pool.update();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Workers run what the module registers and nothing else. */
  #demandModule(count: number): void {
    if (count === 1) return;
    if (this.#file === null)
      throw handlersError(
        'expected the path of a module that registers the handlers, as "workers" is more than 1',
      );
    const inline = this.#handlers().filter(([, id]) => !this.#ofModule.has(id));
    if (inline.length > 0) throw inlineError(inline.map(([, id]) => id));
  }

  #add(registered: readonly Registration[]): void {
    const { table } = this.#owner;
    const before = table.code.length;
    try {
      for (const { route, handler } of registered) this.#owner.warn(table.add(route, handler));
    } catch (error) {
      table.rollBack(before);
      throw error;
    }
    for (const { id } of table.code.slice(before)) this.#ofModule.add(id);
  }

  #handlerIds(registered: readonly Registration[]): string[] {
    return registered.filter(({ handler }) => handler !== undefined).map(({ route }) => this.#idOf(route));
  }

  #idOf(route: RouteConfig): string {
    const { listen, known } = this.#owner.table.parsed;
    return parseRoute(route, { known, handler: 0, listener: listen.listener }).id;
  }

  #setup(): WorkerSetup {
    const { listen, known } = this.#owner.table.parsed;
    return { core: this.#owner.core, file: this.#file ?? '', routes: { known, listener: listen.listener } };
  }

  #binding(): Binding {
    return { handlers: this.#handlers(), format: this.#owner.format() };
  }

  /** Number and id of every route of code that has a handler. */
  #handlers(): [number: number, id: string][] {
    return this.#owner.table.code.flatMap(({ id, action }) =>
      action.kind === 'handler' ? [[action.handler, id]] : [],
    );
  }
}

/** Routes whose functions only this environment has. */
function inlineError(ids: readonly string[]): GatewayError {
  const message =
    'its handler must be registered by the module of "listen.handlers", as there are several workers';
  return invalidConfig(ids.map((id) => ({ path: `route "${id}"`, message })));
}
