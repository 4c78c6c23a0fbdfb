// The one error class and the one table of its codes; it refuses to carry secrets, tokens or header values.

/** Who is to blame: the client, an upstream server, the configuration, or the gateway itself. */
export type ErrorSource = 'downstream' | 'upstream' | 'config' | 'internal';

/** One thing that is wrong in a configuration. */
export interface ConfigIssue {
  /** Where, as a user would write it: `routes[0].match.path`; empty for the whole. */
  readonly path: string;
  /** What was expected and what was received, in one line. */
  readonly message: string;
}

interface ErrorKind {
  readonly status: number;
  readonly source: ErrorSource;
  readonly retryable: boolean;
}

const kinds = {
  /** The configuration or a route is wrong; `issues` lists everything that is. */
  ERR_FG_CONFIG_INVALID: { status: 500, source: 'config', retryable: false },
  /** Two routes can never be told apart. */
  ERR_FG_ROUTE_CONFLICT: { status: 500, source: 'config', retryable: false },
  /** A file of the configuration cannot be read. */
  ERR_FG_FILE_UNREADABLE: { status: 500, source: 'config', retryable: true },
  /** The port is taken by another process or listener. */
  ERR_FG_ADDRESS_IN_USE: { status: 500, source: 'config', retryable: true },
  /** The wanted listener is not installed or does not load here. */
  ERR_FG_LISTENER_UNAVAILABLE: { status: 500, source: 'config', retryable: false },
  /** The native addon is missing or does not load here. */
  ERR_FG_ADDON_UNAVAILABLE: { status: 500, source: 'internal', retryable: false },
  /** `listen` was called twice. */
  ERR_FG_ALREADY_LISTENING: { status: 500, source: 'config', retryable: false },
  /** The sockets of a running instance could not be taken over; that instance serves on. */
  ERR_FG_TAKEOVER_FAILED: { status: 500, source: 'internal', retryable: true },
  /** The gateway was closed. */
  ERR_FG_CLOSED: { status: 503, source: 'internal', retryable: false },
  /** The request body is longer than the limit. */
  ERR_FG_BODY_TOO_LARGE: { status: 413, source: 'downstream', retryable: false },
  /** The client went away, or its body broke, before the body was whole. */
  ERR_FG_BODY_ABORTED: { status: 400, source: 'downstream', retryable: false },
  /** The answer broke off before it was whole. */
  ERR_FG_RESPONSE_BROKEN: { status: 502, source: 'upstream', retryable: false },
  /** A worker that ran handlers ended; another takes its place. */
  ERR_FG_WORKER_ENDED: { status: 503, source: 'internal', retryable: true },
  /** The gateway broke a rule of its own: a defect to report. */
  ERR_FG_INTERNAL: { status: 500, source: 'internal', retryable: false },
  /** The request body is not JSON. */
  ERR_FG_BAD_JSON: { status: 400, source: 'downstream', retryable: false },
  /** The deny-list of an issuer has as many entries as it may. */
  ERR_FG_DENY_LIST_FULL: { status: 503, source: 'config', retryable: false },
  /** The store of a deny-list cannot be reached: nothing was changed. */
  ERR_FG_DENY_LIST_UNAVAILABLE: { status: 503, source: 'upstream', retryable: true },
  /** The key set of an issuer cannot be fetched or holds no usable key. */
  ERR_FG_KEYS_UNAVAILABLE: { status: 503, source: 'upstream', retryable: true },
  /** A store (Redis, Valkey) cannot be reached or did not answer in time; nothing was half done. */
  ERR_FG_STORE_UNAVAILABLE: { status: 503, source: 'upstream', retryable: true },
  /** The signer of the token service gives no key or no signature. */
  ERR_FG_SIGNER_UNAVAILABLE: { status: 503, source: 'upstream', retryable: true },
  /** A token was asked for that is not given: an `OAuthError`, which says why. */
  ERR_FG_TOKEN_REFUSED: { status: 400, source: 'downstream', retryable: false },
} as const satisfies Record<string, ErrorKind>;

/** Every code that the gateway throws. */
export type ErrorCode = keyof typeof kinds;

/** Status, source and retryability of every code. */
export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = kinds;

/** What an error may carry beside its code and message. */
export interface GatewayErrorDetails {
  readonly cause?: unknown;
  readonly issues?: readonly ConfigIssue[];
}

/** Every error that the gateway throws on purpose. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  /** Stable; branch on this and never on the message. */
  readonly code: ErrorCode;
  /** HTTP status that answers a request which met this error. */
  readonly status: number;
  readonly source: ErrorSource;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** Set for `ERR_FG_CONFIG_INVALID`: all that is wrong, in the order of the configuration. */
  declare readonly issues?: readonly ConfigIssue[];

  constructor(code: ErrorCode, message: string, details: GatewayErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    const kind = errorKinds[code];
    this.code = code;
    this.status = kind.status;
    this.source = kind.source;
    this.retryable = kind.retryable;
    if (details.issues !== undefined) this.issues = details.issues;
  }
}

/** The error for a configuration with `issues`; its message is one `path: message` line for each. */
export function invalidConfig(issues: readonly ConfigIssue[]): GatewayError {
  return new GatewayError('ERR_FG_CONFIG_INVALID', issues.map(issueLine).join('\n'), { issues });
}

/** `routes[0].match.path: message`, or the message alone for the whole. */
export function issueLine(issue: ConfigIssue): string {
  return issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`;
}
