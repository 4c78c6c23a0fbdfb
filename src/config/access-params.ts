// Whether the parameters that a policy names are those of the path; it reads input that may be wrong elsewhere.
import type { Fault } from './issues.ts';
import { items, record } from './unchecked.ts';

type Path = readonly PropertyKey[];

/** Faults of a route's `access` at `at`, for the path pattern `pattern`. */
export function paramFaults(access: unknown, pattern: unknown, at: Path): Fault[] {
  if (typeof pattern !== 'string') return [];
  // A constraint may hold what looks like a parameter; the data plane, which reads the pattern, has the last word.
  const known = [...pattern.matchAll(/\/[:*]([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name ?? '');
  const expected =
    known.length === 0 ? 'no parameter, as the path has none' : `parameters of the path: ${known.join(', ')}`;
  return namedParams(record(access), at)
    .filter(({ names }) => names.some((name) => !known.includes(name)))
    .map(({ path, written }) => ({ path, expected, received: written }));
}

interface Named {
  readonly path: Path;
  readonly written: unknown;
  readonly names: readonly string[];
}

function namedParams(
  { action, tenant, projectScope, rules }: Readonly<Record<string, unknown>>,
  at: Path,
): Named[] {
  return [
    ...ofAction(action, [...at, 'action']),
    ...ofAction(record(action)['name'], [...at, 'action', 'name']),
    ...ofTie(tenant, [...at, 'tenant']),
    ...ofTie(projectScope, [...at, 'projectScope']),
    ...items(rules).flatMap((rule, index) =>
      Object.entries(record(rule)).flatMap(([effect, condition]) =>
        ofCondition(condition, [...at, 'rules', index, effect]),
      ),
    ),
  ];
}

function ofAction(written: unknown, path: Path): Named[] {
  if (typeof written !== 'string') return [];
  return [{ path, written, names: [...written.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name ?? '') }];
}

function ofTie(written: unknown, path: Path): Named[] {
  if (typeof written === 'string') return ofAction(written, path);
  const { param } = record(written);
  return typeof param === 'string' ? [{ path: [...path, 'param'], written: param, names: [param] }] : [];
}

function ofCondition(condition: unknown, path: Path): Named[] {
  const { action, all, any, not } = record(condition);
  const below = Object.entries({ all, any, not }).flatMap(([name, list]) =>
    items(list).flatMap((one, index) => ofCondition(one, [...path, name, index])),
  );
  return [...ofAction(action, [...path, 'action']), ...below];
}
