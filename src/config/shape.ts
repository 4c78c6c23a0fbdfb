// Walks a schema as data: what lies below a name, and what a place expects; it parses nothing.
import type { z } from 'zod';
import { type Expectation, expectations } from './option.ts';

/** The parts of a zod definition that the walk needs. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly options?: readonly z.ZodType[];
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string>>;
}

export function definition(schema: z.ZodType): Definition {
  return schema._zod.def as unknown as Definition;
}

/** The schema inside default, optional, nullable and transformed ones. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const { innerType, in: input } = definition(schema);
  const inner = innerType ?? input;
  return inner === undefined ? schema : unwrap(inner);
}

/** Every alternative of `schema`; itself when there is but one. */
export function alternatives(schema: z.ZodType): z.ZodType[] {
  const inner = unwrap(schema);
  return definition(inner).options?.flatMap(alternatives) ?? [inner];
}

/** The schema of the value at `key` of an object, record or list. */
export function below(schema: z.ZodType, key: PropertyKey): z.ZodType | undefined {
  for (const option of alternatives(schema)) {
    const { shape, valueType, element } = definition(option);
    if (typeof key === 'number' && element !== undefined) return element;
    if (shape !== undefined && Object.hasOwn(shape, key)) return shape[String(key)];
    if (valueType !== undefined) return valueType;
  }
  return undefined;
}

/** The schema at `path` below `root`; undefined where the path leaves what is known. */
export function schemaAt(root: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let schema: z.ZodType | undefined = root;
  for (const key of path) schema = schema === undefined ? undefined : below(schema, key);
  return schema;
}

/** The names that an object of `schema` may have; undefined where any may be. */
export function knownNames(schema: z.ZodType): string[] | undefined {
  for (const option of alternatives(schema)) {
    const { shape } = definition(option);
    if (shape !== undefined) return Object.keys(shape);
  }
  return undefined;
}

/** What `schema` accepts, from the outermost that says it. */
export function expectationOf(schema: z.ZodType): Expectation {
  const said = expectations.get(schema);
  if (said !== undefined) return said;
  const { innerType, in: input, type } = definition(schema);
  const inner = innerType ?? input;
  if (inner !== undefined) return expectationOf(inner);
  return { expects: plainWords[type] ?? 'another value' };
}

/** Whether a string at this place may be a secret. */
export function isSecret(schema: z.ZodType): boolean {
  return (
    expectationOf(schema).secret === true || alternatives(schema).some((one) => expectations.get(one)?.secret)
  );
}

const plainWords: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};
