// Puts secrets in the place of `${NAME}` and `{"file": "path"}`; whatever was there is remembered, never shown.
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { z } from 'zod';
import { type Fault, pathText } from './issues.ts';
import { alternatives, below, definition } from './shape.ts';

/** Where secrets come from. */
export interface SecretSources {
  /** Values of `${NAME}`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of a file; throws where it cannot be read. */
  readonly readFile: (path: string) => string;
}

/** The environment and the files of this process. */
export const processSecrets: SecretSources = {
  env: process.env,
  readFile: (path) => new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)),
};

/** A value with its references resolved. */
export interface Resolved {
  readonly value: unknown;
  /** Path text to the reference that stood there. */
  readonly hidden: Map<string, string>;
  readonly files: string[];
  readonly faults: Fault[];
}

const opening = '$' + '{';
const reference = /\$?\$\{([^}]*)\}?/g;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether `value` holds anything that looks like a reference; also true where it is too deep to tell. */
export function hasReference(value: unknown, depth = 8): boolean {
  if (typeof value === 'string') return value.includes(opening);
  if (value === null || typeof value !== 'object') return false;
  if (depth === 0 || isFileReference(value)) return true;
  for (const key in value) {
    if (hasReference((value as Record<string, unknown>)[key], depth - 1)) return true;
  }
  return false;
}

/** `value` with the references resolved wherever `schema` takes a string, or a number for a whole `${NAME}`. */
export function resolveReferences(schema: z.ZodType, value: unknown, sources: SecretSources): Resolved {
  const resolved: Resolved = { value, hidden: new Map(), files: [], faults: [] };
  if (!hasReference(value)) return resolved;
  const found = mapReferences(schema, value, [], (written, at, path) => {
    resolved.hidden.set(pathText(path), typeof written === 'string' ? written : `the file "${written.file}"`);
    const text =
      typeof written === 'string'
        ? substitute(written, sources, path, resolved)
        : readText(written.file, sources, path, resolved);
    return takesNumber(at) && /^(?:0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : text;
  });
  return { ...resolved, value: found };
}

/** `value` with the paths of `{"file": "path"}` made absolute from `directory`. */
export function anchorFiles(
  schema: z.ZodType,
  value: unknown,
  directory: string,
): { value: unknown; files: string[] } {
  const files: string[] = [];
  const anchored = mapReferences(schema, value, [], (written) => {
    if (typeof written === 'string') return written;
    const file = isAbsolute(written.file) ? written.file : resolve(directory, written.file);
    files.push(file);
    return { file };
  });
  return { value: anchored, files };
}

/** The paths of every `{"file": "path"}` in `value`; what is nested deeper than 8 is not looked at. */
export function filesIn(value: unknown, depth = 8): string[] {
  if (value === null || typeof value !== 'object' || depth === 0) return [];
  if (isFileReference(value)) return [value.file];
  return Object.values(value).flatMap((item: unknown) => filesIn(item, depth - 1));
}

type Written = string | { readonly file: string };
type Visit = (written: Written, schema: z.ZodType, path: readonly PropertyKey[]) => unknown;

function mapReferences(
  schema: z.ZodType,
  value: unknown,
  path: readonly PropertyKey[],
  visit: Visit,
): unknown {
  if (typeof value === 'string') return value.includes(opening) ? visit(value, schema, path) : value;
  if (value === null || typeof value !== 'object') return value;
  if (isFileReference(value) && takesString(schema)) return visit(value, schema, path);
  if (Array.isArray(value)) return value.map((item, index) => mapBelow(schema, item, path, index, visit));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapBelow(schema, item, path, key, visit)]),
  );
}

function mapBelow(
  schema: z.ZodType,
  value: unknown,
  path: readonly PropertyKey[],
  key: PropertyKey,
  visit: Visit,
): unknown {
  const inner = below(schema, key);
  return inner === undefined ? value : mapReferences(inner, value, [...path, key], visit);
}

function substitute(
  text: string,
  sources: SecretSources,
  path: readonly PropertyKey[],
  resolved: Resolved,
): string {
  return text.replace(reference, (whole, name: string) => {
    if (whole.startsWith('$$')) return whole.slice(1);
    if (!whole.endsWith('}') || !namePattern.test(name)) {
      const expected = `"${opening}NAME}" with a name of letters, digits and "_" ("$${opening}" stands for "${opening}" itself)`;
      resolved.faults.push({ path, expected, received: undefined, instead: 'another text' });
      return '';
    }
    const value = Object.hasOwn(sources.env, name) ? sources.env[name] : undefined;
    if (value !== undefined) return value;
    resolved.faults.push({
      path,
      expected: `the environment variable ${name} to be set`,
      received: undefined,
      instead: 'nothing',
    });
    return '';
  });
}

function readText(
  file: string,
  sources: SecretSources,
  path: readonly PropertyKey[],
  resolved: Resolved,
): string {
  resolved.files.push(file);
  try {
    return sources.readFile(file).replace(/\r?\n$/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no UTF-8 text';
    resolved.faults.push({
      path,
      expected: `the file "${file}" to be readable`,
      received: undefined,
      instead: code,
    });
    return '';
  }
}

/** Whether `value` is `{"file": "path"}`; where an object is expected it is one, and no reference. */
export function isFileReference(value: object): value is { file: string } {
  return 'file' in value && typeof value.file === 'string' && Object.keys(value).length === 1;
}

/** Whether a string may stand at `schema`. */
export function takesString(schema: z.ZodType): boolean {
  return alternatives(schema).some((one) => ['string', 'enum'].includes(definition(one).type));
}

function takesNumber(schema: z.ZodType): boolean {
  const types = alternatives(schema).map((one) => definition(one).type);
  const isNumber = (type: string): boolean => type === 'number' || type === 'int';
  return types.some(isNumber) && types.every((type) => isNumber(type) || type === 'enum');
}
