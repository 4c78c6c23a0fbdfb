// What a conformance case is: bytes to send, and what must come of them; plain data that knows no listener.

/** One answer that the client must get. */
export interface ExpectedAnswer {
  /** One status, or any of several where the specification leaves the choice. */
  readonly status: number | readonly number[];
  /** `code` of the error body: such an answer is made by the gateway, and its whole form is checked. */
  readonly code?: string;
  /** Values by lower-case name; null: the field must be absent. */
  readonly fields?: Readonly<Record<string, string | RegExp | null>>;
  readonly body?: string | RegExp;
  /** An answer without a body whatever its framing fields say: the request was HEAD. */
  readonly head?: true;
  /** The connection must end before the body does. */
  readonly broken?: true;
  /** No interim answer (1xx) may come before it. */
  readonly first?: true;
}

/** One request that the upstream must see. */
export interface ExpectedRequest {
  /** Method and target as they reach the upstream. */
  readonly line: string;
  readonly body?: string;
  readonly fields?: Readonly<Record<string, string | RegExp | null>>;
  /** The upstream's connection ends before the request does. */
  readonly broken?: true;
}

export interface Expectation {
  /** In order; none: the connection is closed without an answer. */
  readonly answers: readonly ExpectedAnswer[];
  /** Closing without the last answer is as good. */
  readonly orClosed?: true;
  /** Whether the gateway closes after the last answer; if not, a further request on the connection must work. */
  readonly closes: boolean;
  /** Exactly what reaches the upstream, in any order; `broken`: nothing, or a request that breaks off before its end. */
  readonly reaches: readonly ExpectedRequest[] | 'broken';
}

/** The gateways of `gateways.ts`. */
export type GatewayName = 'plain' | 'envelope' | 'chunked';

export interface Case {
  /** What is sent; unique. */
  readonly name: string;
  /** Where the rule stands. */
  readonly clause?: string;
  /** Default `plain`. */
  readonly gateway?: GatewayName;
  /** Latin-1 text, so that every byte can be written; pieces of an array are sent one after the other, `ANSWER` waits. */
  readonly send: string | readonly string[];
  /** The client ends its side after the last byte. */
  readonly ends?: true;
  /** The answer comes only when the listener has waited. */
  readonly timed?: true;
  readonly expect: Expectation;
}

/** A piece that sends nothing and waits until the client has received something. */
export const ANSWER = '@ANSWER@';

/** The `Host` line of every request that does not test it. */
export const HOST = 'Host: gateway.test\r\n';

/** A request: `lines` stand after `Host`, each without its CRLF. */
export function request(line: string, lines: readonly string[] = [], body = ''): string {
  return `${line} HTTP/1.1\r\n${HOST}${lines.map((text) => `${text}\r\n`).join('')}\r\n${body}`;
}

/** Refused on its head: one error answer, closed, nothing reaches the upstream. */
export function refused(status: number | readonly number[], code = 'malformed_request'): Expectation {
  return { answers: [{ status, code }], closes: true, reaches: [] };
}

/** Refused by a rule that leaves the framing sound: the connection stays. */
export function denied(status: number, code: string, fields: ExpectedAnswer['fields'] = {}): Expectation {
  return { answers: [{ status, code, fields }], closes: false, reaches: [] };
}

/** Forwarded: the upstream sees exactly `line`, the client its answer, and the connection stays. */
export function forwarded(
  line: string,
  seen: Omit<ExpectedRequest, 'line'> = {},
  answer: Partial<ExpectedAnswer> = {},
): Expectation {
  return {
    answers: [{ status: 200, body: 'origin', ...answer }],
    closes: false,
    reaches: [{ line, ...seen }],
  };
}

/** Answered by the gateway or a handler without the upstream; the connection stays. */
export function answered(answer: ExpectedAnswer): Expectation {
  return { answers: [answer], closes: false, reaches: [] };
}
