// Runs one handler and answers with its result or its failure: exactly one answer, never a hang, never an exception.
import { STATUS_CODES } from 'node:http';
import { GatewayError } from '../errors.ts';
import type { Exchange } from '../listener/exchange.ts';
import { errorOf } from '../observe/logger.ts';
import { answer, answerBody } from './answer.ts';
import { ExchangeContext } from './context.ts';
import { logFailure, type Runner } from './failure.ts';
import type { Handler } from './types.ts';

/** Starts `handler` for an exchange. A handler that answers at once is answered before this returns. */
export function runHandler(runner: Runner, exchange: Exchange, handler: Handler | undefined): void {
  const context = new ExchangeContext(exchange);
  if (handler === undefined) {
    runner.logger.error({ route: context.route }, 'a route has no handler in this environment');
    context.fail();
    return;
  }
  let result: unknown;
  try {
    result = handler(context);
    // What the handler made may be asked for `then` by code of its own, which may throw as well.
    if (isThenable(result)) {
      result.then(
        (value) => settle(runner, context, value),
        (error: unknown) => refuse(runner, context, error),
      );
      return;
    }
  } catch (error) {
    refuse(runner, context, error);
    return;
  }
  settle(runner, context, result);
}

function settle(runner: Runner, context: ExchangeContext, value: unknown): void {
  try {
    answer(runner, context, value);
  } catch (error) {
    refuse(runner, context, error);
  }
}

/** A handler failed before anything was sent. After the client left nobody is told, and nothing is logged. */
function refuse(runner: Runner, context: ExchangeContext, error: unknown): void {
  if (context.exchange === null) return;
  try {
    if (error instanceof GatewayError && error.status >= 400 && error.status < 500) {
      answerError(runner, context, error);
      return;
    }
    logFailure(runner, context, error);
  } catch (second) {
    runner.logger.error({ err: errorOf(second) }, 'a failed handler could not be answered');
  }
  context.fail();
}

/** The handler's own verdict on the request, such as a body that is not JSON. */
function answerError(runner: Runner, context: ExchangeContext, error: GatewayError): void {
  const { status, code, message } = error;
  const { traceId } = context;
  const isProblem = runner.format() === 'problem';
  const body = isProblem
    ? {
        type: `urn:ferrogate:problem:${code}`,
        title: STATUS_CODES[status],
        status,
        detail: message,
        instance: context.path,
        code,
        traceId,
      }
    : { code, message, data: null, traceId };
  context.resetAnswer(status);
  answerBody(context, JSON.stringify(body), isProblem ? 'application/problem+json' : 'application/json');
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  );
}
