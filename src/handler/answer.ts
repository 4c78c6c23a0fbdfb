// Turns what a handler returned into an answer: chooses status, content type and framing; composes no head itself.
import { ANSWER_BAD_STATUS, ANSWER_GONE, RESPOND_HOLD } from '../native/layout.ts';
import { bytesIn } from './bytes.ts';
import type { ExchangeContext } from './context.ts';
import type { Runner } from './failure.ts';
import { AnswerLines } from './lines.ts';
import { pump, sourceOf } from './stream.ts';
import type { StreamChunk } from './types.ts';

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';

/**
 * Answers with `value`. What goes wrong after the head was sent breaks the body and is logged.
 * @throws TypeError when the value, a header or the status cannot be answered; nothing was sent then
 */
export function answer(runner: Runner, context: ExchangeContext, value: unknown): void {
  if (context.exchange === null) {
    discard(value);
    return;
  }
  const bytes = typeof value === 'object' ? bytesIn(value) : undefined;
  if (typeof value === 'string') answerBody(context, value, TEXT);
  else if (value === undefined || value === null)
    answerEmpty(context, context.code === 0 ? 204 : context.code);
  else if (bytes !== undefined) answerBody(context, bytes, BYTES);
  else if (value instanceof Response) answerResponse(runner, context, value);
  else if (isStream(value))
    answerStream(
      runner,
      context,
      context.code === 0 ? 200 : context.code,
      context.linesText(BYTES),
      value,
      -1,
    );
  else answerBody(context, jsonText(value), JSON_TYPE);
}

/** An answer with its body at hand. */
export function answerBody(context: ExchangeContext, body: string | Uint8Array, type: string): void {
  const status = context.code === 0 ? 200 : context.code;
  if (hasNoBody(status)) {
    answerEmpty(context, status);
    return;
  }
  const { exchange } = context;
  if (exchange !== null) ended(context, exchange.respondWhole(status, context.linesText(type), body));
}

/** An answer without a body; what may have one says that it is empty. */
function answerEmpty(context: ExchangeContext, status: number): void {
  const { exchange } = context;
  if (exchange === null) return;
  ended(context, exchange.respondEmpty(status, context.linesText(null), hasNoBody(status) ? -1 : 0));
}

function answerResponse(runner: Runner, context: ExchangeContext, response: Response): void {
  if (response.bodyUsed) throw new TypeError('the body of the returned Response was read already');
  const { status, headers, body } = response;
  const lines = new AnswerLines();
  lines.setAll(headers);
  const text = lines.text(null);
  if (body !== null && !hasNoBody(status)) {
    answerStream(runner, context, status, text, body, declaredLength(headers));
    return;
  }
  void body?.cancel().catch(() => {});
  const { exchange } = context;
  const length = hasNoBody(status) ? -1 : Math.max(declaredLength(headers), 0);
  if (exchange !== null) ended(context, exchange.respondEmpty(status, text, length));
}

function answerStream(
  runner: Runner,
  context: ExchangeContext,
  status: number,
  lines: string,
  stream: ReadableStream<StreamChunk> | AsyncIterable<StreamChunk>,
  length: number,
): void {
  const source = sourceOf(stream);
  // The user's code was asked for the stream: the client may be gone.
  const { exchange } = context;
  if (exchange === null) {
    source.cancel();
    return;
  }
  const isOver = exchange.isHead || length === 0 || hasNoBody(status);
  const code = isOver
    ? exchange.respondEmpty(status, lines, hasNoBody(status) ? -1 : length)
    : exchange.respondOpen(status, lines, length);
  if (code >= 0 && !isOver) {
    void pump(runner, context, source, length, code === RESPOND_HOLD);
    return;
  }
  // The user's code runs last: a request that it makes would write over the head in the window.
  try {
    ended(context, code);
  } finally {
    source.cancel();
  }
}

/** What `respond…` said to an answer without more to come: it is over, or the handler is told what is wrong with it. */
function ended(context: ExchangeContext, code: number): void {
  if (code >= 0 || code === ANSWER_GONE) {
    context.detach();
    return;
  }
  if (code === ANSWER_BAD_STATUS) throw new TypeError('the status of an answer is a number from 200 to 599');
  throw new TypeError('the answer sets a header that is outside the grammar or belongs to the gateway');
}

function isStream(value: unknown): value is ReadableStream<StreamChunk> | AsyncIterable<StreamChunk> {
  if (value instanceof ReadableStream) return true;
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** RFC 9110 section 6.4.1. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}

function jsonText(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a handler cannot answer with a ${typeof value}`);
  return text;
}

/** The length that a `Response` declares, -1 without one. */
function declaredLength(headers: Headers): number {
  const length = headers.get('content-length');
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : -1;
}

/** Nobody is left to answer: what was opened for the answer is closed. */
function discard(value: unknown): void {
  if (value instanceof Response) {
    if (!value.bodyUsed) void value.body?.cancel().catch(() => {});
  } else if (typeof value === 'object' && value !== null && isStream(value)) {
    if (!(value instanceof ReadableStream && value.locked)) sourceOf(value).cancel();
  }
}
