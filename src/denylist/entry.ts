// What can be denied: the words of a caller become an entry, or an error that names the mistake. It keeps nothing.
import { GatewayError, invalidConfig } from '../errors.ts';

/** A moment: a `Date`, or seconds since 1970 as in a token. */
export type Moment = Date | number;

/** Tokens of an issuer: one by its `jti`, those of a subject (`sub`) issued before a moment, or those of a session (`sid`). */
export type DeniedTokens =
  | { issuer: string; jti: string; subject?: never; session?: never }
  | {
      issuer: string;
      subject: string;
      /** Compared with `iat`; tokens without one are denied. Default: now, rounded up to a second. */
      issuedBefore?: Moment;
      jti?: never;
      session?: never;
    }
  | { issuer: string; session: string; jti?: never; subject?: never };

export type DenyRequest = DeniedTokens & {
  /** When the last of these tokens expires; the entry ends after it. Default: `denyList.keep` from now. */
  until?: Moment;
};

export type DeniedBy = 'jti' | 'subject' | 'session';

/** One entry; times in seconds since 1970. */
export interface DenyEntry {
  readonly by: DeniedBy;
  readonly value: string;
  readonly until: number;
  /** Of a subject; 0 for the others. */
  readonly issuedBefore: number;
}

/** How an entry ends that does not say. */
export interface EntryDefaults {
  readonly keepSeconds: number;
  /** A token may be used for so long after it has expired. */
  readonly skewSeconds: number;
  readonly now: number;
}

const kinds = ['jti', 'subject', 'session'] as const;
const maxValueBytes = 1024;
/** 9999-12-31T23:59:59Z. */
const lastSecond = 253_402_300_799;

/**
 * The entry that `request` asks for.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID`
 */
export function denyEntry(request: DenyRequest, defaults: EntryDefaults): DenyEntry {
  const { by, value } = deniedName(request);
  const nowSeconds = defaults.now / 1000;
  const until = seconds('until', request.until ?? nowSeconds + defaults.keepSeconds) + defaults.skewSeconds;
  const given = 'issuedBefore' in request ? request.issuedBefore : undefined;
  if (by !== 'subject') {
    if (given !== undefined) throw wrong('issuedBefore', 'nothing without a "subject"');
    return { by, value, until, issuedBefore: 0 };
  }
  return { by, value, until, issuedBefore: seconds('issuedBefore', given ?? nowSeconds) };
}

/**
 * Which claim `tokens` names, and its value.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID`
 */
export function deniedName(tokens: DeniedTokens): { readonly by: DeniedBy; readonly value: string } {
  const given = kinds.filter((kind) => tokens[kind] !== undefined);
  const [by] = given;
  if (by === undefined || given.length > 1) throw wrong('', 'exactly one of "jti", "subject" and "session"');
  const value: unknown = tokens[by];
  // A half of a surrogate pair would be stored as another text than the one that was asked for.
  const isText = typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value);
  if (!isText || Buffer.byteLength(value) > maxValueBytes)
    throw wrong(by, `a text of 1 to ${maxValueBytes} bytes`);
  return { by, value };
}

/** Rounded up. */
function seconds(name: string, moment: Moment): number {
  const value: unknown = moment instanceof Date ? moment.getTime() / 1000 : moment;
  if (typeof value === 'number' && value >= 0 && value <= lastSecond) return Math.ceil(value);
  throw wrong(name, 'a Date or seconds since 1970');
}

function wrong(path: string, expected: string): Error {
  return invalidConfig([{ path, message: `expected ${expected}` }]);
}

/** What an entry is found by, as the store and the messages name it. */
export function fieldOf({ by, value }: { readonly by: DeniedBy; readonly value: string }): string {
  return `${by}:${value}`;
}

/** The name behind a field; undefined where it is none, such as of a newer version of the gateway. */
export function nameOf(field: string): { readonly by: DeniedBy; readonly value: string } | undefined {
  const by = kinds.find((kind) => field.startsWith(`${kind}:`));
  return by === undefined ? undefined : { by, value: field.slice(by.length + 1) };
}

/** The entry of a field and what is stored of it; undefined where it is none. */
export function entryOf(field: string, until: number, issuedBefore: number): DenyEntry | undefined {
  const name = nameOf(field);
  if (name === undefined || !Number.isSafeInteger(until) || !Number.isSafeInteger(issuedBefore)) return;
  return { ...name, until, issuedBefore };
}

/** An entry that is there already holds until the later of both moments. */
export function later(entry: DenyEntry, there: DenyEntry | undefined): DenyEntry {
  if (there === undefined) return entry;
  return {
    ...entry,
    until: Math.max(entry.until, there.until),
    issuedBefore: Math.max(entry.issuedBefore, there.issuedBefore),
  };
}

export function isEqual(one: DenyEntry, other: DenyEntry | undefined): boolean {
  return one.until === other?.until && one.issuedBefore === other.issuedBefore;
}

export function fullError(issuer: string, maxEntries: number): GatewayError {
  const text = `the deny-list of issuer "${issuer}" is full: it has ${maxEntries} entries`;
  return new GatewayError('ERR_FG_DENY_LIST_FULL', text);
}
