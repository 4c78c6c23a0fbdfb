// What running handlers shares: where failures are told, and the form of error answers. It answers nothing.
import { errorOf, type Logger } from '../observe/logger.ts';
import type { ExchangeContext } from './context.ts';

/** What runs handlers. */
export interface Runner {
  readonly logger: Logger;
  readonly format: () => 'problem' | 'envelope';
}

export function logFailure(runner: Runner, context: ExchangeContext, error: unknown): void {
  runner.logger.error(
    { err: errorOf(error), route: context.route, traceId: context.traceId },
    'a handler failed',
  );
}
