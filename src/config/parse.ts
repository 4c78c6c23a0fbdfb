// Input becomes a checked configuration, a route or a plan; all faults are found, nothing is applied.
import { type GatewayError, invalidConfig } from '../errors.ts';
import type { AdminSettings } from './admin.ts';
import { planApiKeys } from './api-key.ts';
import { codeRouteFaults, configFaults, declaredIds, type KnownIds, routeFaults } from './checks.ts';
import { type DenyListSettings, denyListSettings } from './deny-list.ts';
import { type CheckedConfig, gatewaySection } from './gateway.ts';
import { planIssuer } from './issuer.ts';
import { type Fault, faultIssues, orderedFaults, pathText, schemaFaults } from './issues.ts';
import { type KeySource, keySource } from './key-set.ts';
import { planLimit } from './limit.ts';
import { type ListenerName, type ListenSettings, listenSettings, planListen } from './listen.ts';
import { nativeOnlyFaults, nativeOnlyPaths, nativeOnlyRoutePaths } from './native-only.ts';
import { planOverload } from './overload.ts';
import type { Plan, PlanRoute } from './plan.ts';
import { planRecords } from './records.ts';
import { processSecrets, type Resolved, resolveReferences, type SecretSources } from './references.ts';
import { planRoute, routeSection } from './route.ts';
import { planStore } from './store.ts';
import { tlsFiles } from './tls.ts';
import { planUpstream } from './upstream.ts';

/** A configuration in which nothing is wrong, ready to become a plan. */
export interface ParsedConfig {
  readonly listen: ListenSettings;
  /** The paths of options that are written and that only the native listener has, such as `listen.threads`. */
  readonly nativeOnly: readonly string[];
  /** Undefined when the configuration says nothing of it. */
  readonly admin: AdminSettings | false | undefined;
  /** Where the key sets of the issuers come from, in the order of `plan.issuers`. */
  readonly keySources: readonly KeySource[];
  /** Of the issuers that have one. */
  readonly denyLists: readonly DenyListSettings[];
  /** The plan without routes. */
  readonly base: Omit<Plan, 'routes'>;
  /** The routes of the configuration; those of code come with `toPlan`. */
  readonly routes: readonly PlanRoute[];
  /** The ids that routes may name. */
  readonly known: KnownIds;
  /** Files that secrets were read from. */
  readonly files: readonly string[];
  /** Those of the listener's certificates, keys and authorities: to be read again when they change. */
  readonly tlsFiles: readonly string[];
  /** The input as it was written, with references instead of secrets; show it only through `maskConfig`. */
  readonly written: unknown;
}

/** What a route that is registered in code may refer to. */
export interface RouteContext {
  readonly known: KnownIds;
  /** Number of its JavaScript handler; a route without one needs an `upstream`. */
  readonly handler?: number | undefined;
  /** The listener that the configuration asks for; `"uws"` refuses what it lacks. Default `"auto"`. */
  readonly listener?: ListenerName;
  /** Stands before the paths of issues; nothing by default. */
  readonly at?: string;
  readonly secrets?: SecretSources;
}

/**
 * Checks a whole configuration: `GatewayConfig`, or the same from a file.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID` with everything that is wrong in `issues`
 */
export function parseConfig(input: unknown, secrets: SecretSources = processSecrets): ParsedConfig {
  const resolved = resolveReferences(gatewaySection, input, secrets);
  const known = declaredIds(resolved.value);
  const result = gatewaySection.safeParse(resolved.value, { reportInput: true });
  const faults = [
    ...resolved.faults,
    ...(result.success ? [] : schemaFaults(gatewaySection, result.error.issues)),
    ...configFaults(resolved.value, known),
  ];
  if (!result.success || faults.length > 0)
    throw invalidConfig(faultIssues(gatewaySection, orderedFaults(faults, resolved.value), resolved.hidden));
  const nativeOnly = nativeOnlyPaths(resolved.value).map(pathText);
  return settle(result.data, { known, nativeOnly, files: resolved.files, written: input });
}

/**
 * Checks one route that is registered in code.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID` with everything that is wrong in `issues`
 */
export function parseRoute(input: unknown, context: RouteContext): PlanRoute {
  const resolved = resolveReferences(routeSection, input, context.secrets ?? processSecrets);
  const result = routeSection.safeParse(resolved.value, { reportInput: true });
  const faults = [
    ...nativeOnlyFaults(context.listener, nativeOnlyRoutePaths(resolved.value, [])),
    ...routeFaults(resolved.value, context.known, context.handler !== undefined, []),
  ];
  if (result.success && faults.length === 0 && resolved.faults.length === 0)
    return planRoute(result.data, context.handler);
  throw routeError(
    resolved,
    [...(result.success ? [] : schemaFaults(routeSection, result.error.issues)), ...faults],
    context,
  );
}

/**
 * The plan of a configuration with the routes that were registered in code.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID` when a code route names an id that the configuration lacks, or the id
 * of another route, or needs the native listener where the configuration asks for another
 */
export function toPlan(parsed: ParsedConfig, codeRoutes: readonly PlanRoute[] = []): Plan {
  const faults = codeRouteFaults(codeRoutes, parsed.routes, parsed.known, parsed.listen.listener);
  if (faults.length > 0) throw invalidConfig(faultIssues(gatewaySection, faults, nothingHidden));
  return { ...parsed.base, routes: [...parsed.routes, ...codeRoutes] };
}

const nothingHidden: ReadonlyMap<string, string> = new Map();

function settle(
  config: CheckedConfig,
  found: Pick<ParsedConfig, 'known' | 'nativeOnly' | 'files' | 'written'>,
): ParsedConfig {
  const issuers = Object.entries(config.issuers);
  return {
    listen: listenSettings(config.listen),
    admin: config.admin,
    keySources: issuers.map(([id, issuer]) => keySource(id, issuer)),
    denyLists: issuers.flatMap(([id, issuer]) => denyListSettings(id, issuer) ?? []),
    base: {
      service: config.service,
      via: config.via === false ? null : config.via,
      ...planListen(config.listen),
      errors: config.errors,
      overload: planOverload(config.overload),
      records: planRecords(config.records),
      stores: Object.entries(config.stores).map(([id, store]) => planStore(id, store)),
      issuers: issuers.map(([id, issuer]) => planIssuer(id, issuer, config.service)),
      apiKeys: Object.entries(config.apiKeys).map(([id, list]) => planApiKeys(id, list)),
      limits: Object.entries(config.limits).map(([id, limit]) => planLimit(id, limit)),
      upstreams: Object.entries(config.upstreams).map(([id, upstream]) =>
        planUpstream(id, upstream, config.zone),
      ),
    },
    routes: config.routes.map((route) => planRoute(route, undefined)),
    ...found,
    tlsFiles: tlsFiles(found.written),
  };
}

function routeError(resolved: Resolved, faults: readonly Fault[], context: RouteContext): GatewayError {
  const all = orderedFaults([...resolved.faults, ...faults], resolved.value);
  return invalidConfig(faultIssues(routeSection, all, resolved.hidden, context.at));
}
