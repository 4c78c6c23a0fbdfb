// Carries access records from the data plane to a logger or a stream, in batches; it formats and samples nothing.
import type { Writable } from 'node:stream';
import { errorOf, type Logger, unfailing } from './logger.ts';

/** Most records taken in one call, and most calls in one interval; the data plane drops and counts what stays. */
const batchRecords = 2_048;
const maxBatches = 16;

export interface RecordsOptions {
  /** Takes up to `max` waiting records as JSON lines, and how many were dropped since the last call. */
  take(max: number): { lines: string; dropped: number };
  /** A logger gets each record as an object with the message `request`; a stream gets the JSON lines in one write. */
  readonly sink: Logger | Writable;
  /** Where a count of dropped records is logged. */
  readonly logger: Logger;
  /** Milliseconds between two batches; default 200. */
  readonly intervalMs?: number;
}

export interface Records {
  /** Writes what waits now. */
  flush(): void;
  /** Writes what waits and stops. */
  close(): void;
}

/** Starts to carry records. A stream that does not keep up is waited for. */
export function createRecords({ take, sink, logger, intervalMs = 200 }: RecordsOptions): Records {
  const failed = (thrown: unknown): void =>
    logger.error({ err: errorOf(thrown) }, 'access records could not be written');
  const writer = 'info' in sink ? logWriter(unfailing(sink)) : streamWriter(sink, failed);
  const write = (): void => {
    let lost = 0;
    for (let batch = 0; batch < maxBatches && writer.isReady(); batch += 1) {
      const { lines, dropped } = take(batchRecords);
      lost += dropped;
      if (lines === '') break;
      writer.write(lines);
    }
    if (lost > 0) logger.warn({ dropped: lost }, 'access records were dropped');
  };
  const flush = (): void => {
    try {
      write();
    } catch (thrown) {
      failed(thrown);
    }
  };
  const timer = setInterval(flush, intervalMs).unref();
  return {
    flush,
    close() {
      clearInterval(timer);
      flush();
      writer.close();
    },
  };
}

interface Writer {
  isReady(): boolean;
  write(lines: string): void;
  close(): void;
}

function streamWriter(stream: Writable, failed: (error: Error) => void): Writer {
  // An error of a stream that nobody listens to ends the process.
  stream.on('error', failed);
  return {
    // What was written last may fail later: somebody goes on listening, and says nothing.
    close() {
      stream.on('error', ignore);
      stream.off('error', failed);
    },
    isReady: () => !stream.writableNeedDrain && !stream.writableEnded && !stream.destroyed,
    write: (lines) => void stream.write(lines.endsWith('\n') ? lines : `${lines}\n`),
  };
}

function logWriter(logger: Logger): Writer {
  return {
    isReady: () => true,
    close: ignore,
    write(lines) {
      for (const line of lines.split('\n')) {
        if (line === '') continue;
        const record: unknown = JSON.parse(line);
        if (typeof record === 'object' && record !== null) logger.info(record, 'request');
      }
    },
  };
}

function ignore(): void {}
