// How an option is declared: schema, words for people and default in one place; it checks nothing itself.
import { z } from 'zod';

/** What is known about one option beside its schema. */
export interface OptionWords {
  /** One or two sentences of Markdown. */
  readonly text: string;
  /** Whether only the native listener has the option. */
  readonly nativeOnly?: true;
}

/** A group of options that has a name of its own in TypeScript and a heading in the reference. */
export interface SectionWords extends OptionWords {
  readonly name: string;
  /** The name of the section whose options it repeats. */
  readonly base?: string;
}

/** What a value must be, as the end of "expected …". */
export interface Expectation {
  readonly expects: string;
  /** The value is never shown, and may be given as `{ file }` in TypeScript too. */
  readonly secret?: boolean;
  /** TypeScript type where it differs from the schema's. */
  readonly type?: string;
}

export const optionWords = z.registry<OptionWords>();
export const sectionWords = z.registry<SectionWords>();
export const expectations = z.registry<Expectation>();
/** Defaults: the value as a user would write it, or words where it follows from other options. */
export const defaults = z.registry<{ readonly value: unknown } | { readonly words: string }>();

/** Declares one option of a section. */
export function option<T extends z.ZodType>(schema: T, text: string): T {
  optionWords.add(schema, { text });
  return schema;
}

/** Declares an option that only the native listener has: writing it asks for that listener. */
export function nativeOption<T extends z.ZodType>(schema: T, text: string): T {
  optionWords.add(schema, { text: `${text} Only with the \`native\` listener.`, nativeOnly: true });
  return schema;
}

/** Says what `schema` accepts, for errors and the reference. */
export function expecting<T extends z.ZodType>(
  schema: T,
  expects: string,
  more: Omit<Expectation, 'expects'> = {},
): T {
  expectations.add(schema, { expects, ...more });
  return schema;
}

/** An object with exactly these options. */
export function section<S extends z.ZodRawShape>(
  words: SectionWords,
  shape: S,
): z.ZodObject<S, z.core.$strict> {
  const schema = z.strictObject(shape);
  (sectionWords as z.core.$ZodRegistry<SectionWords>).add(schema as z.ZodType, words);
  return schema;
}

/** `schema` with a default in the form that a user writes; it is parsed once, here. */
export function withDefault<T extends z.ZodType>(schema: T, written: z.input<T>): z.ZodDefault<T> {
  const value: unknown = schema.parse(written);
  const wrapped = z._default<z.ZodType>(schema, value) as unknown as z.ZodDefault<T>;
  defaults.add(wrapped, { value: written });
  return wrapped;
}

/** An optional option whose default follows from other options, said in `words`. */
export function optional<T extends z.ZodType>(schema: T, words = ''): z.ZodOptional<T> {
  const wrapped = schema.optional();
  if (words !== '') defaults.add(wrapped, { words });
  return wrapped;
}

/** An integer from `min` to `max`. */
export function integer(min: number, max: number): z.ZodInt {
  return expecting(z.int().min(min).max(max), `an integer from ${min} to ${max}`);
}

/** `true` or `false`. */
export function flag(): z.ZodBoolean {
  return expecting(z.boolean(), 'true or false');
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(
  ...words: T
): z.ZodEnum<{ [K in T[number]]: K }> {
  return expecting(z.enum(words), `one of ${words.map((word) => JSON.stringify(word)).join(', ')}`);
}

/** A list without repetitions; `items` names its elements ("limit ids"). */
export function list<T extends z.ZodType>(element: T, items: string, min = 0): z.ZodArray<T> {
  const schema = z
    .array(element)
    .min(min)
    .superRefine((values, context) => {
      if (values.length < 2) return;
      const seen = new Set<unknown>();
      values.forEach((value, index) => {
        if (typeof value === 'string' && seen.has(value)) {
          context.addIssue(conflict([index], 'a value that is not in the list yet', value));
        }
        seen.add(value);
      });
    });
  return expecting(schema, `a list of ${min > 0 ? 'one or more ' : ''}${items}`);
}

/** An issue that compares options of one section, for `superRefine`. */
export function conflict(path: PropertyKey[], expected: string, received: unknown): Conflict {
  return { code: 'custom', path, params: { expected }, input: received };
}

/** An issue with the name at the end of `path`, whose value may be a secret. */
export function nameConflict(path: PropertyKey[], expected: string): Conflict {
  return { code: 'custom', path, params: { expected, isName: true }, input: undefined };
}

type Conflict = {
  code: 'custom';
  path: PropertyKey[];
  params: { expected: string; isName?: true };
  input: unknown;
};
