// Loads the module of JavaScript handlers and collects the routes that it registers; it binds none of them.
import { pathToFileURL } from 'node:url';
import type { RouteConfig } from '../config/types.ts';
import { invalidConfig } from '../errors.ts';
import { type RegisterHandlers, Registrar } from '../handler/registrar.ts';
import type { Handler } from '../handler/types.ts';

/** A route that the module registered. */
export interface Registration {
  readonly route: RouteConfig;
  /** None for a route that an upstream answers. */
  readonly handler: Handler | undefined;
}

/**
 * What the module at `file` registers in this environment.
 * @throws GatewayError `ERR_FG_CONFIG_INVALID` when it cannot be loaded, exports no function, or that fails
 */
export async function loadRegistrations(file: string): Promise<Registration[]> {
  const registered: Registration[] = [];
  let isOver = false;
  const routes = new Registrar<''>((route, handler) => {
    if (isOver) throw handlersError('routes can be registered only while the default export runs');
    registered.push({ route, handler });
  });
  try {
    const { default: register } = (await import(pathToFileURL(file).href)) as { default?: unknown };
    if (typeof register !== 'function') throw new TypeError(`${file} has no function as its default export`);
    await (register as RegisterHandlers)(routes);
  } catch (cause) {
    throw handlersError(cause instanceof Error ? cause.message : String(cause), cause);
  }
  isOver = true;
  return registered;
}

/** What is wrong with the module. */
export function handlersError(message: string, cause?: unknown): Error {
  const error = invalidConfig([{ path: 'listen.handlers', message }]);
  error.cause = cause;
  return error;
}
