// A copy of a configuration that may be shown: references stay references, secrets become "***".

import type { z } from 'zod';
import { gatewaySection } from './gateway.ts';
import { isFileReference, takesString } from './references.ts';
import { below, isSecret } from './shape.ts';

const mask = '***';

/** What is shown of a configuration as it was written: no secret, no user name or query in a URL, no key. */
export function maskConfig(written: unknown): unknown {
  return masked(gatewaySection, written);
}

function masked(schema: z.ZodType | undefined, value: unknown): unknown {
  if (typeof value === 'string') return maskedText(schema, value);
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? undefined : value;
  if (schema === undefined) return mask;
  if (isFileReference(value) && takesString(schema)) return { file: value.file };
  if (Array.isArray(value))
    return isSecret(schema) ? mask : value.map((item) => masked(below(schema, 0), item));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, masked(below(schema, key), item)]),
  );
}

function maskedText(schema: z.ZodType | undefined, text: string): string {
  if (isReference(text)) return text;
  return schema === undefined || isSecret(schema) || text.includes('-----BEGIN ') ? mask : maskUrl(text);
}

function isReference(text: string): boolean {
  return /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(text);
}

/** The user name, password and query of a URL are credentials wherever it stands. */
function maskUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${mask}@`)
    .replace(/^(https?:\/\/[^?#]*\?)[^#]+/i, `$1${mask}`);
}
