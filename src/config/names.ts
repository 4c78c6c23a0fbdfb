// Grammar of ids, tokens, header names and values (RFC 9110 section 5); it knows no option.
import { z } from 'zod';
import { expecting } from './option.ts';

/** RFC 9110 section 5.6.2. */
export const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const plainPattern = /^[\x20-\x7e]{1,256}$/;
const valuePattern = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]{0,8190}[\x21-\x7e])?)?$/;
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
const methodPattern = /^[!#$%&'*+\-.^_`|~0-9A-Z]{1,32}$/;

/** What frames a message or belongs to one connection: the gateway alone writes it. */
const framing = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const forwarded = ['traceparent', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];
const unremovable: ReadonlySet<string> = new Set(framing);
const unsettable: ReadonlySet<string> = new Set([...framing, ...forwarded]);

/** The id of an issuer, limit or upstream. */
export function identifier(): z.ZodString {
  return expecting(
    z.string().regex(idPattern),
    'an id of 1 to 64 letters, digits, "_", "-" and ".", with a letter or digit first',
  );
}

/** A label: printable ASCII. */
export function label(): z.ZodString {
  return expecting(z.string().regex(plainPattern), '1 to 256 printable ASCII characters');
}

/** A token of RFC 9110. */
export function token(what: string): z.ZodString {
  return expecting(z.string().regex(tokenPattern), what);
}

/** Any header name. */
export function headerName(): z.ZodString {
  return token('a header name');
}

/** The name of a header that may be taken out of a request. */
export function removableHeader(): z.ZodString {
  return expecting(
    z
      .string()
      .regex(tokenPattern)
      .refine((name) => !unremovable.has(name.toLowerCase())),
    `a header name other than ${framing.join(', ')}`,
  );
}

/** The name of a header that may be set on a request. */
export function settableHeader(): z.ZodString {
  return expecting(
    z
      .string()
      .regex(tokenPattern)
      .refine((name) => !unsettable.has(name.toLowerCase())),
    `a header name other than ${[...framing, ...forwarded].join(', ')}`,
  );
}

/** A header value; it may be a credential, so it is never shown. */
export function headerValue(): z.ZodString {
  return expecting(
    z.string().regex(valuePattern),
    'up to 8192 printable ASCII characters and tabs, no white space at the ends, no line break',
    { secret: true },
  );
}

/** A scope-token of RFC 6749 section 3.3. */
export function scope(): z.ZodString {
  return expecting(z.string().regex(scopePattern), 'a scope without spaces, quotes and backslashes');
}

/** An HTTP method; methods are case-sensitive (RFC 9110 section 9.1). */
export function method(): z.ZodString {
  return expecting(
    z
      .string()
      .regex(methodPattern)
      .refine((name) => name !== 'CONNECT'),
    'a method in capital letters such as "GET", and not "CONNECT"',
  );
}

/** The name of a claim; a dot goes into a member (`realm_access.org`). */
export function claimName(): z.ZodString {
  return expecting(z.string().regex(plainPattern), 'the name of a claim');
}

/** Reports names that differ only in case: as header names they are one. */
export function repeatedHeader(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) return name;
    seen.add(lower);
  }
  return undefined;
}
