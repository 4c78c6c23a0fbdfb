// The default logger: one flat JSON line of printable ASCII per message on a stream; it has no levels to switch and formats nothing for eyes.

/** What the gateway needs of a logger; pino and most others have this shape. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Where lines go: `process.stderr` or anything else that takes text. */
export interface LineSink {
  write(text: string): unknown;
}

type Level = 'info' | 'warn' | 'error';

/**
 * A logger that writes `{"level","time","msg",…fields}` lines, `time` in milliseconds since 1970. Everything but
 * printable ASCII is escaped, so that no terminal obeys what a value holds and no reader of lines splits one.
 * An `Error` among the fields becomes its message, with its `code` and `stack` beside it.
 */
export function createLogger(sink: LineSink = process.stderr, now: () => number = Date.now): Logger {
  const log = (level: Level) => (fields: object, message: string) => {
    sink.write(`${ascii(logLine(level, now(), message, fields))}\n`);
  };
  return { info: log('info'), warn: log('warn'), error: log('error') };
}

/**
 * The same logger for code that nothing may be thrown into: what it throws, or rejects with, goes to `instead` together
 * with the line, and no further.
 */
export function unfailing(logger: Logger, instead: Logger = createLogger()): Logger {
  const log = (level: Level) => (fields: object, message: string) => {
    const lost = (): void => {
      try {
        instead[level]({ ...fields, loggerFailed: true }, message);
      } catch {
        // Nothing is left to tell it to.
      }
    };
    try {
      const told: unknown = logger[level](fields, message);
      if (told instanceof Promise) told.catch(lost);
    } catch {
      lost();
    }
  };
  return { info: log('info'), warn: log('warn'), error: log('error') };
}

/** What was thrown as an Error, also where it cannot be shown as text. */
export function errorOf(thrown: unknown): Error {
  try {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  } catch {
    return new Error('something was thrown that cannot be shown');
  }
}

function logLine(level: Level, time: number, msg: string, fields: object): string {
  try {
    const line: Record<string, unknown> = { level, time, msg };
    for (const [name, value] of Object.entries(fields)) {
      if (name in line) continue;
      if (value instanceof Error) writeError(line, name, value);
      else line[name] = value;
    }
    return JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } catch {
    return JSON.stringify({ level, time, msg, unprintable: true });
  }
}

/** `JSON.stringify` leaves DEL, the controls above it, U+2028 and what turns the direction of text as they are. */
function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function writeError(line: Record<string, unknown>, name: string, error: Error): void {
  line[name] = error.message;
  if ('code' in error && error.code !== undefined) line['code'] ??= error.code;
  if (error.stack !== undefined) line['stack'] ??= error.stack;
}
