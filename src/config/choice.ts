// Which listener serves a configuration, and why; it loads none.
import { invalidConfig } from '../errors.ts';
import { pathText } from './issues.ts';
import type { ListenerName } from './listen.ts';
import { nativeOnlyMessage, nativeOnlyPlanPaths } from './native-only.ts';
import type { ParsedConfig } from './parse.ts';
import type { PlanRoute } from './plan.ts';

export interface ListenerFacts {
  /** `listen.listener`, or what replaces it. */
  readonly listener: ListenerName;
  /** The paths of options that are written and that only the native listener has. */
  readonly nativeOnly: readonly string[];
}

/** What this process can load. */
export interface ListenerPlatform {
  /** Whether uWebSockets.js is installed and loads. */
  readonly uwsLoads: boolean;
  /** The version of Node.js; default: that of this process. */
  readonly node?: string;
}

export interface ListenerChoice {
  readonly listener: 'uws' | 'native';
  /** Words that follow a colon. */
  readonly reason: string;
}

/**
 * What the choice looks at: the configuration, the routes of code (a plan in force also has them) and the listener that
 * and number of workers that `listen` was given in place of the configured ones.
 */
export function listenerFacts(
  parsed: Pick<ParsedConfig, 'listen' | 'nativeOnly'>,
  codeRoutes: readonly PlanRoute[] = [],
  override?: ListenerName,
  workers = parsed.listen.workers,
): ListenerFacts {
  const ofCode = codeRoutes.flatMap(nativeOnlyPlanPaths).map(pathText);
  // A thread that ends while uWebSockets.js has sockets open in it takes the process with it.
  const several = workers > 1 ? ['listen.workers'] : [];
  const nativeOnly = [...parsed.nativeOnly, ...several, ...ofCode];
  return { listener: override ?? parsed.listen.listener, nativeOnly };
}

/**
 * The listener that is asked for by name; else native where the configuration needs it, else uWebSockets.js where it loads.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID` when `"uws"` is asked for and options are written that it lacks
 */
export function chooseListener(
  { listener, nativeOnly }: ListenerFacts,
  { uwsLoads, node = process.versions.node }: ListenerPlatform,
): ListenerChoice {
  if (listener === 'uws' && nativeOnly.length > 0) {
    throw invalidConfig(nativeOnly.map((path) => ({ path, message: nativeOnlyMessage })));
  }
  if (listener !== 'auto') return { listener, reason: 'asked for by name' };
  const [first] = nativeOnly;
  if (first !== undefined) return { listener: 'native', reason: `only the native listener has ${first}` };
  return uwsLoads
    ? { listener: 'uws', reason: 'uWebSockets.js is installed and loads' }
    : { listener: 'native', reason: `uWebSockets.js is not installed or does not load on Node ${node}` };
}

/**
 * TLS neither begins nor ends on an open port: clients know it by the one or the other, and connections of before
 * would stay.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID`
 */
export function checkSecure(isOpen: boolean, isWanted: boolean): void {
  if (isOpen === isWanted) return;
  const message = `cannot be ${isWanted ? 'added' : 'left out'} while the gateway listens; start it anew`;
  throw invalidConfig([{ path: 'listen.tls', message }]);
}
