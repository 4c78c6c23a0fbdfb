// Why keys cannot be had, in words that may be logged and counted: never what a server said, and never a URL or a secret.

/** Every class of failure; each is a value of the label `reason`. */
export const failureReasons = [
  /** Nothing whole came in time. */
  'timeout',
  /** No connection, or it broke. */
  'connection',
  /** The certificate of the server is not trusted, or TLS failed. */
  'tls',
  /** The server redirects; that is never followed. */
  'redirect',
  /** 401 or 403, or a login that failed. */
  'denied',
  /** 404 or 410, an unset variable, an absent field. */
  'missing',
  /** 429 or 5xx; Vault is sealed. */
  'unavailable',
  /** Another status than 200. */
  'status',
  /** Longer than 512 KiB. */
  'too_large',
  /** Neither a key set nor PEM. */
  'malformed',
  /** Not a key of the set can be used. */
  'unusable',
  /** What was said must not be believed: another issuer, keys over plain http. */
  'refused',
  /** The function of the application threw. */
  'loader',
] as const;

export type FailureReason = (typeof failureReasons)[number];

/** Keys cannot be had. Its message is for the log. */
export class KeyFailure extends Error {
  override readonly name = 'KeyFailure';
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** `error` as a failure; one that is none of ours is `instead`. */
export function toFailure(error: unknown, instead: FailureReason): KeyFailure {
  return error instanceof KeyFailure ? error : new KeyFailure(instead, textOf(error));
}

/** The answer of `server` was not 200. */
export function statusFailure(server: string, status: number): KeyFailure {
  return new KeyFailure(reasonOfStatus(status), `${server} answered ${status}`);
}

function reasonOfStatus(status: number): FailureReason {
  if (status >= 300 && status < 400) return 'redirect';
  if (status === 401 || status === 403) return 'denied';
  if (status === 404 || status === 410) return 'missing';
  return status === 429 || status >= 500 ? 'unavailable' : 'status';
}

/** What is told of a foreign error: its message, cut. */
function textOf(error: unknown): string {
  try {
    return (error instanceof Error ? error.message : String(error)).slice(0, 200);
  } catch {
    return 'something was thrown that cannot be shown';
  }
}
