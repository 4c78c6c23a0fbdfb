// The module of JavaScript handlers: its path, which counts from the folder of the configuration file; it loads nothing.
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { expecting } from './option.ts';
import { record } from './unchecked.ts';

/** A path or a `file:` URL. */
export function modulePath(): z.ZodString {
  return expecting(
    z
      .string()
      .max(4096)
      .refine((written) => absolutePath(written) !== undefined),
    'the path of a module such as "./handlers.js", or its file: URL',
  );
}

/** Where the module of a checked option is. */
export function handlersFile(written: string): string {
  const path = absolutePath(written);
  if (path === undefined) throw new TypeError('a path passed its schema and is none');
  return path;
}

/** `config` with the path of `listen.handlers` made absolute from `directory`; one that begins with a reference stays. */
export function anchorHandlers(config: unknown, directory: string): unknown {
  const listen = record(record(config)['listen']);
  const { handlers } = listen;
  if (typeof handlers !== 'string' || handlers === '' || isElsewhere(handlers)) return config;
  return { ...record(config), listen: { ...listen, handlers: resolve(directory, handlers) } };
}

function isElsewhere(handlers: string): boolean {
  return isAbsolute(handlers) || handlers.startsWith('file:') || handlers.startsWith('$' + '{');
}

function absolutePath(written: string): string | undefined {
  if (written === '' || written.includes('\0')) return undefined;
  if (!written.startsWith('file:')) return resolve(written);
  try {
    return fileURLToPath(written);
  } catch {
    return undefined;
  }
}
