// Finds and loads the addon, and turns its errors into GatewayErrors; the only file that loads the .node file.
import { createRequire } from 'node:module';
import { GatewayError } from '../errors.ts';
import type { Native, SetupCalls } from './calls.ts';

let loaded: Native | undefined;

/**
 * The native calls of this environment. The addon is loaded once per environment.
 * Throws ERR_FG_ADDON_UNAVAILABLE naming platform, architecture and Node version when it cannot be loaded.
 */
export function loadNative(): Native {
  loaded ??= withErrors(load());
  return loaded;
}

function load(): Native {
  try {
    // The same file from dist/native/ and, in tests, from src/native/.
    return createRequire(import.meta.url)('../../dist/addon/addon.cjs') as Native;
  } catch (cause) {
    const where = `${process.platform}-${process.arch}, Node ${process.versions.node}`;
    throw new GatewayError(
      'ERR_FG_ADDON_UNAVAILABLE',
      `the native addon could not be loaded on ${where}: run "npm run build:addon" with a Rust toolchain`,
      { cause },
    );
  }
}

const FALLIBLE = [
  'publish',
  'putKeys',
  'putTargets',
  'limitOverride',
  'limitOverrides',
  'explain',
  'draftAdd',
  'engineOpen',
  'acceptorOpen',
  'listenerOpen',
  'bindTcp',
  'takeoverServe',
  'takeoverSend',
  'takeoverAsk',
] as const satisfies readonly (keyof SetupCalls)[];

/** Set-up calls throw GatewayErrors; hot calls are handed on as they are. */
function withErrors(addon: Native): Native {
  const native = { ...addon };
  for (const name of FALLIBLE) {
    const call = addon[name] as ((...args: unknown[]) => unknown) | undefined;
    if (call === undefined) continue;
    Object.assign(native, {
      [name]: (...args: unknown[]) => {
        try {
          const result = call(...args);
          return result instanceof Promise ? result.catch(rethrow) : result;
        } catch (error) {
          throw toGatewayError(error);
        }
      },
    });
  }
  return native;
}

function rethrow(error: unknown): never {
  throw toGatewayError(error);
}

interface NativeFailure {
  code: string;
  message: string;
  path?: string | null;
}

function toGatewayError(error: unknown): unknown {
  const text = error instanceof Error ? error.message : '';
  if (!text.startsWith('{')) return error;
  const failure = JSON.parse(text) as NativeFailure;
  const code = failure.code as GatewayError['code'];
  if (!failure.path) return new GatewayError(code, failure.message, { cause: error });
  const issues = [{ path: failure.path, message: failure.message }];
  return new GatewayError(code, `${failure.path}: ${failure.message}`, { issues, cause: error });
}
