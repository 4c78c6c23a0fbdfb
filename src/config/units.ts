// Durations and sizes with their unit in the value; numbers are read as digits, never leniently.
import { z } from 'zod';
import { expecting } from './option.ts';

const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const bytes = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;
const durationPattern = /^(0|[1-9][0-9]{0,11})(ms|s|m|h|d)$/;
const sizePattern = /^(0|[1-9][0-9]{0,11})(b|kb|mb|gb)$/;

/** Milliseconds of `"250ms"`, `"10s"`, `"1m"`, `"2h"` or `"1d"`; undefined when it is none of them. */
export function parseDuration(text: string): number | undefined {
  return parseUnit(durationPattern, milliseconds, text);
}

/** Bytes of `"512b"`, `"64kb"`, `"1mb"` or `"2gb"` (1 kb = 1024 b); undefined when it is none of them. */
export function parseSize(text: string): number | undefined {
  return parseUnit(sizePattern, bytes, text);
}

function parseUnit(
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
  text: string,
): number | undefined {
  const match = pattern.exec(text);
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  if (match === null || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The schema of a duration; what comes out are milliseconds. */
export type DurationSchema = z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>;

/** A duration from `min` to `max`, in whole seconds if `wholeSeconds`. */
export function duration(min: string, max: string, wholeSeconds = false): DurationSchema {
  const low = limit(parseDuration(min));
  const high = limit(parseDuration(max));
  const schema = z
    .string()
    .regex(durationPattern)
    .transform((text, context) => {
      const value = parseDuration(text);
      if (value !== undefined && value >= low && value <= high && !(wholeSeconds && value % 1000 !== 0))
        return value;
      context.issues.push({ code: 'custom', input: text });
      return z.NEVER;
    });
  const what = wholeSeconds ? 'a duration of whole seconds' : 'a duration';
  return expecting(schema, `${what} from "${min}" to "${max}"`, { type: 'Duration' });
}

/** The schema of a size; what comes out are bytes. */
export type SizeSchema = z.ZodPipe<
  z.ZodUnion<readonly [z.ZodInt, z.ZodString]>,
  z.ZodTransform<number, number | string>
>;

/** A size from `min` to `max`: a number of bytes, or a string with its unit. */
export function size(min: string, max: string): SizeSchema {
  const low = limit(parseSize(min));
  const high = limit(parseSize(max));
  const schema = z
    .union([z.int().min(low).max(high), z.string().regex(sizePattern)])
    .transform((written, context) => {
      const value = typeof written === 'number' ? written : parseSize(written);
      if (value !== undefined && value >= low && value <= high) return value;
      context.issues.push({ code: 'custom', input: written });
      return z.NEVER;
    });
  return expecting(schema, `a size from "${min}" to "${max}", or the number of bytes`, { type: 'Size' });
}

function limit(value: number | undefined): number {
  if (value === undefined) throw new TypeError('a range is declared with a bad unit');
  return value;
}
