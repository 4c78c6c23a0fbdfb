// What a command says about an error, and with which code it ends; it swallows nothing.
import { GatewayError, issueLine } from '../errors.ts';
import { exitCodes } from './environment.ts';

/** The lines for standard error and the exit code of `error`. */
export function faultOf(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof GatewayError) {
    const lines = error.issues === undefined ? [error.message] : error.issues.map(issueLine);
    const code = error.code === 'ERR_FG_FILE_UNREADABLE' ? exitCodes.usage : exitCodes.failed;
    return { text: `${lines.join('\n')}\n`, code };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `${text}\n`, code: exitCodes.failed };
}
