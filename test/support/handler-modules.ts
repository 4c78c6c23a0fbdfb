// Where the modules of handlers are that tests name in `listen.handlers`, and what they say.
import { fileURLToPath } from 'node:url';

/** What an environment of the module `held` says: a number for a request that it holds. */
export interface Said {
  readonly said: number | string;
  readonly thread: number;
}

export const handlerModule = (name: string): string =>
  fileURLToPath(new URL(`handlers/${name}.mjs`, import.meta.url));
