// Turns what a handler returned into an answer: chooses status, content type and framing; composes no head itself.
import { ANSWER_BAD_STATUS, ANSWER_GONE } from '../native/layout.ts';
import type { ExchangeContext } from './context.ts';
import { AnswerLines } from './lines.ts';
import { pump, sourceOf } from './stream.ts';
import type { StreamChunk } from './types.ts';

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';
/** Longer bodies are sent with back-pressure instead of in one piece. */
const MAX_WHOLE_BYTES = 65536;

type Report = (error: unknown) => void;

/**
 * Answers with `value`. What goes wrong after the head was sent breaks the body and goes to `report`.
 * @throws TypeError when the value, a header or the status cannot be answered; nothing was sent then
 */
export function answer(context: ExchangeContext, value: unknown, report: Report): void {
  if (context.exchange === null) {
    discard(value);
    return;
  }
  if (typeof value === 'string') answerBody(context, value, TEXT);
  else if (value === undefined || value === null)
    answerEmpty(context, context.code === 0 ? 204 : context.code);
  else if (value instanceof Uint8Array) answerBody(context, value, BYTES);
  else if (value instanceof ArrayBuffer) answerBody(context, new Uint8Array(value), BYTES);
  else if (value instanceof Response) answerResponse(context, value, report);
  else if (isStream(value))
    answerStream(
      context,
      context.code === 0 ? 200 : context.code,
      context.linesText(BYTES),
      value,
      -1,
      report,
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
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const sent = context.exchange?.isHead === true ? 0 : length;
  const head = headOf(context, status, context.linesText(type), sent);
  const close = context.exchange?.closesEarly === true;
  const exchange = head === null ? null : context.detach();
  if (head === null || exchange === null) return;
  if (exchange.isHead) {
    exchange.empty(head, length, close);
    return;
  }
  if (length <= MAX_WHOLE_BYTES) exchange.whole(head, body, close);
  else {
    exchange.open(head, length, close);
    exchange.send(typeof body === 'string' ? Buffer.from(body) : body, true);
  }
}

/** An answer without a body; what may have one says that it is empty. */
function answerEmpty(context: ExchangeContext, status: number): void {
  const head = headOf(context, status, context.linesText(null), 0);
  const close = context.exchange?.closesEarly === true;
  const exchange = head === null ? null : context.detach();
  if (head === null || exchange === null) return;
  exchange.empty(head, hasNoBody(status) ? -1 : 0, close);
}

function answerResponse(context: ExchangeContext, response: Response, report: Report): void {
  if (response.bodyUsed) throw new TypeError('the body of the returned Response was read already');
  const { status, headers, body } = response;
  const lines = new AnswerLines();
  lines.setAll(headers);
  const text = lines.text(null);
  if (body !== null && !hasNoBody(status)) {
    answerStream(context, status, text, body, declaredLength(headers), report);
    return;
  }
  void body?.cancel().catch(() => {});
  const head = headOf(context, status, text, 0);
  const close = context.exchange?.closesEarly === true;
  const exchange = head === null ? null : context.detach();
  if (head === null || exchange === null) return;
  exchange.empty(head, hasNoBody(status) ? -1 : Math.max(declaredLength(headers), 0), close);
}

function answerStream(
  context: ExchangeContext,
  status: number,
  lines: string,
  stream: ReadableStream<StreamChunk> | AsyncIterable<StreamChunk>,
  length: number,
  report: Report,
): void {
  const source = sourceOf(stream);
  const head = headOf(context, status, lines, -1);
  const { exchange } = context;
  if (head === null || exchange === null) {
    source.cancel();
    return;
  }
  if (exchange.isHead || length === 0 || hasNoBody(status)) {
    const close = exchange.closesEarly;
    context.detach()?.empty(head, hasNoBody(status) ? -1 : length, close);
    context.finish(0, true);
    // The user's code runs last: a request that it makes would write over the head in the window.
    source.cancel();
    return;
  }
  exchange.open(head, length, false);
  void pump(context, source, length, report);
}

/** Null when the exchange is gone. `bytes` as in {@link ExchangeContext.head}. */
function headOf(context: ExchangeContext, status: number, lines: string, bytes: number): Uint8Array | null {
  const head = context.head(status, lines, bytes);
  if (typeof head !== 'number') return head;
  if (head === ANSWER_GONE) {
    context.detach();
    return null;
  }
  if (head === ANSWER_BAD_STATUS) throw new TypeError('the status of an answer is a number from 200 to 599');
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
