// The routes of a gateway, from file and from code, with their handlers; conflicts are found as routes come. It publishes nothing.
import { type ParsedConfig, parseRoute } from '../config/parse.ts';
import type { PlanRoute } from '../config/plan.ts';
import type { RouteConfig } from '../config/types.ts';
import { GatewayError, invalidConfig } from '../errors.ts';
import type { SetupCalls } from '../native/calls.ts';
import type { RouteInfo } from '../types.ts';
import type { Handler } from './types.ts';

type Drafts = Pick<SetupCalls, 'draftOpen' | 'draftAdd' | 'draftClose'>;

/** File routes that were checked together with the code routes, to be put in force or dropped. */
export interface CheckedRoutes {
  readonly parsed: ParsedConfig;
  readonly draft: number;
  readonly warnings: readonly string[];
}

export class RouteTable {
  readonly #drafts: Drafts;
  #parsed: ParsedConfig;
  #draft: number;
  #code: PlanRoute[] = [];
  readonly #ids = new Set<string>();
  readonly #handlers: Handler[] = [];

  /** @throws GatewayError when two routes of `parsed` conflict or a pattern is bad */
  constructor(drafts: Drafts, parsed: ParsedConfig, warn: (warnings: readonly string[]) => void) {
    this.#drafts = drafts;
    this.#parsed = parsed;
    const checked = this.check(parsed);
    this.#draft = checked.draft;
    this.accept(checked, false);
    warn(checked.warnings);
  }

  /** The routes of code, in the order of their registration. */
  get code(): readonly PlanRoute[] {
    return this.#code;
  }

  get parsed(): ParsedConfig {
    return this.#parsed;
  }

  handler(number: number): Handler | undefined {
    return this.#handlers[number];
  }

  /**
   * Adds a route of code. Returns warnings about routes that can never be reached.
   * @throws GatewayError and changes nothing when the route is wrong or cannot be told apart from another
   */
  add(config: RouteConfig, handler: Handler | undefined): readonly string[] {
    if (handler !== undefined && typeof handler !== 'function') {
      throw invalidConfig([{ path: 'handler', message: 'expected a function' }]);
    }
    const number = handler === undefined ? undefined : this.#handlers.length;
    const { known, listen } = this.#parsed;
    const route = parseRoute(config, { known, handler: number, listener: listen.listener });
    if (this.#ids.has(route.id)) {
      throw invalidConfig([
        { path: 'id', message: `expected an id that no other route has, received "${route.id}"` },
      ]);
    }
    const warnings = this.#insert(this.#draft, route, `route "${route.id}"`);
    this.#code.push(route);
    this.#ids.add(route.id);
    if (handler !== undefined) this.#handlers.push(handler);
    return warnings;
  }

  /**
   * Checks other file routes against each other and against the routes of code; nothing changes.
   * @throws GatewayError when they conflict
   */
  check(parsed: ParsedConfig): CheckedRoutes {
    const draft = this.#drafts.draftOpen();
    try {
      const file = parsed.routes.map((route, index) => this.#insert(draft, route, `routes[${index}].match`));
      const code = this.#code.map((route) => this.#insert(draft, route, `route "${route.id}"`));
      return { parsed, draft, warnings: [...file, ...code].flat() };
    } catch (error) {
      this.#drafts.draftClose(draft);
      throw error;
    }
  }

  /** Puts checked file routes in force. */
  accept(checked: CheckedRoutes, closeOld = true): void {
    if (closeOld) this.#drafts.draftClose(this.#draft);
    this.#draft = checked.draft;
    this.#parsed = checked.parsed;
    this.#ids.clear();
    for (const route of [...checked.parsed.routes, ...this.#code]) this.#ids.add(route.id);
  }

  /** Drops what `check` gave. */
  discard(checked: CheckedRoutes): void {
    this.#drafts.draftClose(checked.draft);
  }

  /** Takes back the routes of code after the first `count`: they could not be published. */
  rollBack(count: number): void {
    this.#code = this.#code.slice(0, count);
    this.accept(this.check(this.#parsed));
  }

  close(): void {
    this.#drafts.draftClose(this.#draft);
  }

  #insert(draft: number, route: PlanRoute, at: string): string[] {
    try {
      return this.#drafts.draftAdd(draft, route.id, route.path, route.methods, route.hosts);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const { code, cause } = error;
      const said = error.issues?.[0]?.message ?? error.message;
      const issues = [{ path: at, message: said }];
      throw new GatewayError(code, `${at}: ${said}`, { issues, cause: cause ?? error });
    }
  }
}

/** A route as it is shown. */
export function routeInfo({ id, path, methods, hosts, action, jwt, apiKey, limits }: PlanRoute): RouteInfo {
  return {
    id,
    path,
    methods,
    hosts,
    ...(action.kind === 'upstream' ? { upstream: action.upstream } : {}),
    ...(jwt === null ? {} : { issuers: jwt.issuer }),
    ...(apiKey === null ? {} : { apiKeys: apiKey.keys }),
    limits,
  };
}
