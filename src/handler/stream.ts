// Streamed answers: pulls pieces from a stream and hands them to the client as fast as it takes them; never ends a broken body cleanly.
import type { ExchangeContext } from './context.ts';
import type { StreamChunk } from './types.ts';

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** Pieces of an answer, one after the other. */
export interface Source {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** Nobody wants the rest. */
  cancel(): void;
}

export function sourceOf(stream: ReadableStream<StreamChunk> | AsyncIterable<StreamChunk>): Source {
  if (stream instanceof ReadableStream) {
    const reader = stream.getReader();
    return { next: () => reader.read(), cancel: () => void reader.cancel().catch(ignore) };
  }
  const iterator = stream[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    cancel: () => void Promise.resolve(iterator.return?.()).catch(ignore),
  };
}

/**
 * Sends all of `source` after the head was written. `length` is what was promised, -1 for chunked.
 * Settles when the answer is over, whole or broken; what broke it goes to `report`.
 */
export async function pump(
  context: ExchangeContext,
  source: Source,
  length: number,
  report: (error: unknown) => void,
): Promise<void> {
  let sent = 0;
  context.onGone = source.cancel;
  try {
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
      if (data.length > 0 && !exchange.send(data, false)) await context.untilWritable();
    }
    if (length >= 0 && sent < length)
      throw new RangeError(`a body of ${length} bytes was promised, ${sent} came`);
    end(context, NOTHING, sent);
  } catch (error) {
    source.cancel();
    const exchange = context.detach();
    if (exchange === null) return;
    exchange.reset();
    context.finish(sent, false);
    report(error);
  }
}

/** The last piece: the exchange is let go before it is sent, because its object may serve another request after that. */
function end(context: ExchangeContext, data: Uint8Array, sent: number): void {
  const exchange = context.detach();
  if (exchange === null) return;
  exchange.send(data, true);
  context.finish(sent, true);
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError('a streamed answer is made of strings, Uint8Array or ArrayBuffer');
}

function ignore(): void {}
