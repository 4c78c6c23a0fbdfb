// Tells those who listen what happened to a gateway; an error that nobody listens for is logged. It decides nothing.
import { EventEmitter } from 'node:events';
import { Registrar } from './handler/registrar.ts';
import { errorOf, type Logger, unfailing } from './observe/logger.ts';
import type { GatewayEvents } from './types.ts';

/** What a gateway offers beside the registration of routes: its events. */
export class Announcer extends Registrar<''> {
  protected readonly logger: Logger;
  readonly #events = new EventEmitter<GatewayEvents>();

  constructor(register: ConstructorParameters<typeof Registrar>[0], logger: Logger) {
    super(register);
    this.logger = unfailing(logger);
  }

  on<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this {
    this.#events.on(name, listener as never);
    return this;
  }
  once<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this {
    this.#events.once(name, listener as never);
    return this;
  }
  off<Name extends keyof GatewayEvents>(name: Name, listener: (...args: GatewayEvents[Name]) => void): this {
    this.#events.off(name, listener as never);
    return this;
  }

  /** Tells every listener. What one throws, or rejects with, is logged and stops neither the others nor the gateway. */
  protected announce<Name extends keyof GatewayEvents>(name: Name, ...args: GatewayEvents[Name]): void {
    const failed = (thrown: unknown): void =>
      this.logger.error({ err: errorOf(thrown), event: name }, 'a listener of an event failed');
    for (const listener of this.#events.rawListeners(name) as ((...given: unknown[]) => unknown)[]) {
      try {
        const told = listener.apply(this.#events, args);
        if (told instanceof Promise) told.catch(failed);
      } catch (thrown) {
        failed(thrown);
      }
    }
  }

  protected report(error: Error): void {
    if (this.#events.listenerCount('error') > 0) this.announce('error', error);
    else this.logger.error({ err: error }, 'the gateway met an error');
  }

  protected warn(warnings: readonly string[]): void {
    for (const warning of warnings) this.logger.warn({}, warning);
  }
}
