// Streamed answers: pulls pieces from a stream and hands them to the client as fast as it takes them; never ends a broken body cleanly.
import { bytesIn } from './bytes.ts';
import type { ExchangeContext } from './context.ts';
import { logFailure, type Runner } from './failure.ts';
import type { StreamChunk } from './types.ts';

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** Pieces of an answer, one after the other. */
export interface Source {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** Nobody wants the rest. It never throws: nobody is left to be told. */
  cancel(): void;
}

export function sourceOf(stream: ReadableStream<StreamChunk> | AsyncIterable<StreamChunk>): Source {
  if (stream instanceof ReadableStream) {
    const reader = stream.getReader();
    return { next: () => reader.read(), cancel: () => quietly(() => reader.cancel()) };
  }
  const iterator = stream[Symbol.asyncIterator]();
  // Told before the head is sent.
  if (typeof iterator.next !== 'function') throw new TypeError('the iterator of a stream has no next()');
  return { next: () => iterator.next(), cancel: () => quietly(() => iterator.return?.()) };
}

/** Runs code of the user whose failure is of no consequence. */
export function quietly(act: () => unknown): void {
  try {
    void Promise.resolve(act()).catch(ignore);
  } catch {
    // As if it had rejected.
  }
}

/**
 * Sends all of `source` after the head was written. `length` is what was promised, -1 for chunked; `isHeld`: the client
 * takes nothing yet. Settles when the answer is over, whole or broken; what broke it is logged.
 */
export async function pump(
  runner: Runner,
  context: ExchangeContext,
  source: Source,
  length: number,
  isHeld: boolean,
): Promise<void> {
  let sent = 0;
  context.onGone = source.cancel;
  try {
    if (isHeld) await context.untilWritable();
    for (;;) {
      const { done, value } = await source.next();
      const { exchange } = context;
      if (exchange === null) return;
      if (done === true) break;
      const data = bytesOf(value);
      sent += data.length;
      if (length >= 0 && sent > length)
        throw new RangeError(`a body of ${length} bytes was promised, more came`);
      if (sent === length) {
        end(context, data, sent);
        source.cancel();
        return;
      }
      if (data.length > 0 && !exchange.sendPiece(data)) await context.untilWritable();
    }
    if (length >= 0 && sent < length)
      throw new RangeError(`a body of ${length} bytes was promised, ${sent} came`);
    end(context, NOTHING, sent);
  } catch (error) {
    source.cancel();
    breakOff(runner, context, sent, error);
  }
}

/** The facts that are logged end with the exchange. */
function breakOff(runner: Runner, context: ExchangeContext, sent: number, error: unknown): void {
  const { exchange } = context;
  if (exchange === null) return;
  try {
    logFailure(runner, context, error);
  } finally {
    context.detach();
    exchange.breakOff(sent);
  }
}

/** The last piece: the context is cut off before it is sent, because the exchange may serve another request after that. */
function end(context: ExchangeContext, data: Uint8Array, sent: number): void {
  const { exchange } = context;
  if (exchange === null) return;
  context.detach();
  exchange.sendLast(data, sent);
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value);
  const bytes = bytesIn(value);
  if (bytes === undefined)
    throw new TypeError('a streamed answer is made of strings, Uint8Array or ArrayBuffer');
  return bytes;
}

function ignore(): void {}
