// Finds where options are written that only the native listener has, and says so where uWebSockets.js is asked for.
import type { z } from 'zod';
import type { Fault } from './issues.ts';
import { listenSection } from './listen.ts';
import { optionWords } from './option.ts';
import type { PlanRoute } from './plan.ts';
import { routeSection } from './route.ts';
import { items, record } from './unchecked.ts';

type Path = readonly PropertyKey[];

const listenNames = namesIn(listenSection);
const routeNames = namesIn(routeSection);

/** What is wrong with such an option beside `"listener": "uws"`. */
export const nativeOnlyMessage =
  'only the native listener has this; leave it out, or set "listen.listener" to "native" or "auto"';

/** The paths of all such options that a configuration writes, in the order of the reference. */
export function nativeOnlyPaths(config: unknown): Path[] {
  const { listen, routes } = record(config);
  return [
    ...writtenIn(listenNames, listen, ['listen']),
    ...items(routes).flatMap((route, index) => nativeOnlyRoutePaths(route, ['routes', index])),
  ];
}

/** The paths of such options in one route; `false` asks for nothing. */
export function nativeOnlyRoutePaths(route: unknown, at: Path): Path[] {
  return writtenIn(routeNames, route, at).filter((path) => record(route)[String(path.at(-1))] !== false);
}

/** The same for a route of code that was checked: what it does not ask for is null in the plan. */
export function nativeOnlyPlanPaths(route: PlanRoute): Path[] {
  return routeNames
    .filter((name) => (record(route)[name] ?? null) !== null)
    .map((name) => ['routes', route.id, name]);
}

/** Faults of such options where the configuration asks for uWebSockets.js by name. */
export function nativeOnlyFaults(listener: unknown, paths: readonly Path[]): Fault[] {
  if (listener !== 'uws') return [];
  return paths.map((path) => ({ path, expected: '', received: undefined, said: nativeOnlyMessage }));
}

function writtenIn(names: readonly string[], value: unknown, at: Path): Path[] {
  const written = record(value);
  return names
    .filter((name) => Object.hasOwn(written, name) && written[name] !== undefined)
    .map((name) => [...at, name]);
}

function namesIn(section: z.ZodObject): string[] {
  return Object.entries(section.shape)
    .filter(([, schema]) => optionWords.get(schema as z.ZodType)?.nativeOnly === true)
    .map(([name]) => name);
}
