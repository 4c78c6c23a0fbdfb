// The verbs, routes and groups that a gateway and its groups offer; it only assembles route options, `RouteTable` judges them.
import type { RouteConfig, RoutePolicies } from '../config/types.ts';
import type { Handler } from './types.ts';

/** What a route registered by a verb may say beside its path. */
export interface VerbPolicies extends RoutePolicies {
  /** Hosts that the route takes; default any. */
  host?: RouteConfig['match']['host'];
  /** Id of the upstream, for a route without a handler. */
  upstream?: string;
}

/**
 * What a group gives its routes. `limits` are added before those of the route; everything else a route says replaces it
 * whole, and `jwt: false`, `access: false` or `cors: false` opts out.
 */
export type GroupPolicies = Omit<VerbPolicies, 'id'>;

/** A route in code: the options of a file, with a handler in place of the upstream. */
export interface CodeRoute<Path extends string = string, Prefix extends string = ''> extends RouteConfig {
  match: Omit<RouteConfig['match'], 'path'> & { path: Path };
  handler?: Handler<`${Prefix}${Path}`> | undefined;
}

export interface Verb<Prefix extends string, Self> {
  /** @throws GatewayError `ERR_FG_CONFIG_INVALID`, or `ERR_FG_ROUTE_CONFLICT` naming the other route */
  <Path extends string>(path: Path, handler: Handler<`${Prefix}${Path}`>): Self;
  <Path extends string>(path: Path, policies: VerbPolicies, handler?: Handler<`${Prefix}${Path}`>): Self;
}

/** Registers routes below a prefix. Every call checks at once; what it registers is live one turn of the event loop later. */
export interface Routes<Prefix extends string = ''> {
  route<Path extends string>(route: CodeRoute<Path, Prefix>): this;
  readonly get: Verb<Prefix, this>;
  readonly post: Verb<Prefix, this>;
  readonly put: Verb<Prefix, this>;
  readonly patch: Verb<Prefix, this>;
  readonly delete: Verb<Prefix, this>;
  readonly head: Verb<Prefix, this>;
  readonly options: Verb<Prefix, this>;
  /** Every method. */
  readonly all: Verb<Prefix, this>;
  /** Routes below `prefix` (`'/api'`, without `/` at the end), which may hold parameters. */
  group<Below extends string>(prefix: Below, register: (group: Routes<`${Prefix}${Below}`>) => void): this;
  group<Below extends string>(
    prefix: Below,
    policies: GroupPolicies,
    register: (group: Routes<`${Prefix}${Below}`>) => void,
  ): this;
}

/**
 * The default export of the module that `listen.handlers` names: registers routes with their handlers, in every
 * environment the same. Routes can be registered until it returns, or until its promise is kept.
 */
export type RegisterHandlers = (gateway: Routes) => void | Promise<void>;

/** Adds one complete route, or throws. */
export type AddRoute = (route: RouteConfig, handler: Handler | undefined) => void;

export class Registrar<Prefix extends string> implements Routes<Prefix> {
  readonly #add: AddRoute;
  readonly #prefix: string;
  readonly #policies: GroupPolicies;

  constructor(add: AddRoute, prefix = '', policies: GroupPolicies = {}) {
    this.#add = add;
    this.#prefix = prefix;
    this.#policies = policies;
  }

  readonly get = this.#verb('GET');
  readonly post = this.#verb('POST');
  readonly put = this.#verb('PUT');
  readonly patch = this.#verb('PATCH');
  readonly delete = this.#verb('DELETE');
  readonly head = this.#verb('HEAD');
  readonly options = this.#verb('OPTIONS');
  readonly all = this.#verb(null);

  route<Path extends string>(route: CodeRoute<Path, Prefix>): this {
    const { handler, ...config } = route;
    this.#register(config, handler as Handler | undefined);
    return this;
  }

  group<Below extends string>(
    prefix: Below,
    first: GroupPolicies | ((group: Routes<`${Prefix}${Below}`>) => void),
    second?: (group: Routes<`${Prefix}${Below}`>) => void,
  ): this {
    const register = typeof first === 'function' ? first : second;
    if (typeof register !== 'function')
      throw new TypeError('group: expected a function that registers the routes');
    const policies = typeof first === 'function' ? {} : first;
    if (!/^\/.*[^/]$/.test(prefix)) throw new TypeError('group: expected a prefix such as "/api"');
    register(
      new Registrar<`${Prefix}${Below}`>(
        this.#add,
        `${this.#prefix}${prefix}`,
        merged(this.#policies, policies),
      ),
    );
    return this;
  }

  #verb(method: string | null): Verb<Prefix, this> {
    return (
      path: string,
      first: VerbPolicies | ((context: never) => unknown),
      second?: (context: never) => unknown,
    ): this => {
      const handler = (typeof first === 'function' ? first : second) as Handler | undefined;
      const { host, upstream, ...policies } = typeof first === 'function' ? ({} as VerbPolicies) : first;
      const match = {
        path,
        ...(method === null ? {} : { methods: [method] }),
        ...(host === undefined ? {} : { host }),
      };
      this.#register({ match, ...policies, ...(upstream === undefined ? {} : { upstream }) }, handler);
      return this;
    };
  }

  #register(config: RouteConfig, handler: Handler | undefined): void {
    const { host, upstream, ...policies } = this.#policies;
    const own = config.match.host ?? host;
    const match = {
      ...config.match,
      path: `${this.#prefix}${config.match.path}`,
      ...(own === undefined ? {} : { host: own }),
    };
    const goal = handler === undefined ? (config.upstream ?? upstream) : config.upstream;
    this.#add(
      { ...merged(policies, config), match, ...(goal === undefined ? {} : { upstream: goal }) },
      handler,
    );
  }
}

/** `inner` over `outer`; limits of both. What is undefined says nothing. */
function merged<Inner extends RoutePolicies>(outer: GroupPolicies, inner: Inner): Inner {
  const both: Record<string, unknown> = { ...outer };
  for (const [name, value] of Object.entries(inner)) if (value !== undefined) both[name] = value;
  const limits = [...(outer.limits ?? []), ...(inner.limits ?? [])];
  if (limits.length > 0) both['limits'] = [...new Set(limits)];
  return both as unknown as Inner;
}
