// Turns what is wrong into `path: expected …, received …`; it never shows a secret.
import type { z } from 'zod';
import type { ConfigIssue } from '../errors.ts';
import { nearest } from './nearest.ts';
import { alternatives, definition, expectationOf, isSecret, knownNames, schemaAt } from './shape.ts';

/** One thing that is wrong, before it becomes text. */
export interface Fault {
  readonly path: readonly PropertyKey[];
  readonly expected: string;
  /** The value as it stands; never shown where it may be a secret. */
  readonly received: unknown;
  /** A nearby name. */
  readonly suggestion?: string | undefined;
  /** Stands for the received value, as in "a value that is only known at run time". */
  readonly instead?: string;
  /** Stands for the whole message, where nothing else in this place would be right. */
  readonly said?: string;
}

/** Values that came from a reference, by path text, with the reference as it was written. */
export type Hidden = ReadonlyMap<string, string>;

/** `routes[0].match.path`; a name that is no plain word is quoted: `limits["a b"]`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (!/^[A-Za-z_$][\w$-]*$/.test(String(key))) text += `[${JSON.stringify(String(key))}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

/** The faults as text, in the order given; `prefix` names where the whole stands. */
export function faultIssues(
  root: z.ZodType,
  faults: readonly Fault[],
  hidden: Hidden,
  prefix = '',
): ConfigIssue[] {
  return faults.map((fault) => {
    const path = pathText(fault.path);
    const schema = schemaAt(root, fault.path);
    const reference = hidden.get(path);
    const secret = schema !== undefined && isSecret(schema);
    const received =
      fault.instead ??
      (reference === undefined ? shown(fault.received, secret) : `the value of ${reference}`);
    const hint =
      fault.suggestion === undefined || reference !== undefined
        ? ''
        : ` (did you mean "${fault.suggestion}"?)`;
    const message = fault.said ?? `expected ${fault.expected}, received ${received}${hint}`;
    const joint = prefix !== '' && path !== '' && !path.startsWith('[') ? '.' : '';
    return { path: `${prefix}${joint}${path}`, message };
  });
}

/** One fault for each place, in the order of `input`; of several the first says why, the rest follows from it. */
export function orderedFaults(faults: readonly Fault[], input: unknown): Fault[] {
  const places = new Map<string, { fault: Fault; rank: number[] }>();
  for (const fault of faults) {
    const key = JSON.stringify(fault.path);
    if (!places.has(key)) places.set(key, { fault, rank: rankOf(fault.path, input) });
  }
  return [...places.values()].sort((a, b) => compareRanks(a.rank, b.rank)).map(({ fault }) => fault);
}

/** The position of every step of `path` in its object or list; what is absent comes last. */
function rankOf(path: readonly PropertyKey[], input: unknown): number[] {
  let value = input;
  return path.map((key) => {
    if (value === null || typeof value !== 'object') return Number.MAX_SAFE_INTEGER;
    const rank = Array.isArray(value) ? Number(key) : Object.keys(value).indexOf(String(key));
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
    return rank < 0 ? Number.MAX_SAFE_INTEGER : rank;
  });
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The faults that zod found in a value of `root`. */
export function schemaFaults(root: z.ZodType, issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => issueFaults(root, issue, []));
}

function issueFaults(root: z.ZodType, issue: z.core.$ZodIssue, parent: readonly PropertyKey[]): Fault[] {
  const path = [...parent, ...issue.path];
  const schema = schemaAt(root, path) ?? root;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownName(schema, [...path, key], key));
    case 'invalid_union':
      return unionFaults(root, schema, issue, path);
    case 'invalid_key':
      return [{ path, expected: keyExpectation(root, path), received: undefined, instead: nameText(path) }];
    case 'custom':
      return [customFault(schema, issue, path)];
    default:
      return [{ path, expected: expectationOf(schema).expects, received: issue.input }];
  }
}

function customFault(schema: z.ZodType, issue: z.core.$ZodIssueCustom, path: readonly PropertyKey[]): Fault {
  const expected = String(issue.params?.['expected'] ?? expectationOf(schema).expects);
  const named = issue.params?.['isName'] === true ? { instead: nameText(path) } : {};
  return { path, expected, received: issue.input, ...named };
}

/** An object among alternatives is meant as the alternative that takes objects: its own faults say more. */
function unionFaults(
  root: z.ZodType,
  schema: z.ZodType,
  issue: z.core.$ZodIssueInvalidUnion,
  path: readonly PropertyKey[],
): Fault[] {
  const inner = issue.errors.find((errors) => {
    const first = errors[0];
    return (
      typeof issue.input === 'object' &&
      first !== undefined &&
      (first.path.length > 0 || !['invalid_type', 'invalid_value'].includes(first.code))
    );
  });
  if (issue.input === null || inner === undefined) {
    return [{ path, expected: expectationOf(schema).expects, received: issue.input }];
  }
  return inner.flatMap((one) => issueFaults(root, one, path));
}

function unknownName(schema: z.ZodType, path: readonly PropertyKey[], name: string): Fault {
  const known = knownNames(schema) ?? [];
  const suggestion = nearest(name, known);
  const expected = suggestion === undefined ? `one of ${known.join(', ')}` : 'a known name';
  return { path, expected, received: undefined, suggestion, instead: nameText(path) };
}

function keyExpectation(root: z.ZodType, path: readonly PropertyKey[]): string {
  const record = schemaAt(root, path.slice(0, -1));
  for (const option of record === undefined ? [] : alternatives(record)) {
    const { keyType } = definition(option) as { keyType?: z.ZodType };
    if (keyType !== undefined) return expectationOf(keyType).expects;
  }
  return 'another name';
}

function shown(value: unknown, secret: boolean): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value !== null && typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'string') return String(value);
  if (secret || /:\/\/[^/?#]*@|-----BEGIN /.test(value)) return 'a string that is not shown';
  return JSON.stringify(clipped(value));
}

/** The last name of a path, for faults of the name itself. */
function nameText(path: readonly PropertyKey[]): string {
  return JSON.stringify(clipped(String(path.at(-1))));
}

function clipped(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
