// What a command needs of the world: the gateway, files, output and signals come from here, so that tests can give others.
import type { EventEmitter } from 'node:events';
import type { Writable } from 'node:stream';
import type { Gateway, GatewayConfig } from '../index.ts';
import type { Logger } from '../observe/logger.ts';

/** What the commands use of a gateway. */
export type CliGateway = Pick<
  Gateway,
  'get' | 'listen' | 'sockets' | 'applied' | 'reload' | 'routes' | 'explain' | 'close'
>;

export interface Environment {
  readonly version: string;
  /** How many threads can run at once. */
  readonly cores: number;
  /** The folder in which the default configuration file is looked for. */
  readonly folder: string;
  createGateway(config: GatewayConfig, runtime: { logger: Logger; records: Writable }): CliGateway;
  /** Reads a file; what comes out is checked by the gateway. */
  readConfigFile(path: string): Promise<{ readonly config: unknown }>;
  /** Standard output: results and the ready line only. */
  out(text: string): void;
  /** Standard error: logs, faults and hints. */
  err(text: string): void;
  /** Standard error again, for access records: they go there as they are, many lines in one write. */
  readonly records: Writable;
  /** Emits `SIGTERM`, `SIGINT` and `SIGHUP`. */
  readonly signals: Pick<EventEmitter, 'on' | 'off'>;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Exit codes: 0 done, 1 invalid or failed, 2 wrong usage or an unreadable file. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;
