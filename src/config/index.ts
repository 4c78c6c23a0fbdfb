// What the rest of the gateway takes from the configuration; re-exports only.
export type { AdminSettings } from './admin.ts';
export type { KnownIds } from './checks.ts';
export {
  chooseListener,
  type ListenerChoice,
  type ListenerFacts,
  type ListenerPlatform,
  listenerFacts,
} from './choice.ts';
export type { KeySource } from './key-set.ts';
export type { ListenerName, ListenSettings } from './listen.ts';
export { maskConfig } from './mask.ts';
export { type ParsedConfig, parseConfig, parseRoute, type RouteContext, toPlan } from './parse.ts';
export type {
  Plan,
  PlanCors,
  PlanDownstream,
  PlanIssuer,
  PlanLimit,
  PlanRoute,
  PlanTarget,
  PlanUpstream,
} from './plan.ts';
export type { SecretSources } from './references.ts';
export type * from './types.ts';
export { parseDuration, parseSize } from './units.ts';
