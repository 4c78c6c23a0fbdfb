// Tells those who listen what happened to a gateway; an error that nobody listens for is logged. It decides nothing.
import { EventEmitter } from 'node:events';
import { Registrar } from './handler/registrar.ts';
import type { Logger } from './observe/logger.ts';
import type { GatewayEvents } from './types.ts';

/** What a gateway offers beside the registration of routes: its events. */
export class Announcer extends Registrar<''> {
  protected readonly logger: Logger;
  readonly #events = new EventEmitter<GatewayEvents>();

  constructor(register: ConstructorParameters<typeof Registrar>[0], logger: Logger) {
    super(register);
    this.logger = logger;
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

  protected announce<Name extends keyof GatewayEvents>(name: Name, ...args: GatewayEvents[Name]): void {
    (this.#events as EventEmitter).emit(name, ...args);
  }

  protected report(error: Error): void {
    if (this.#events.listenerCount('error') > 0) this.announce('error', error);
    else this.logger.error({ err: error }, 'the gateway met an error');
  }

  protected warn(warnings: readonly string[]): void {
    for (const warning of warnings) this.logger.warn({}, warning);
  }
}
