// A gateway that never listens, for commands that only look at a configuration.
import type { GatewayConfig } from '../config/types.ts';
import type { Logger } from '../observe/logger.ts';
import type { CliGateway, Environment } from './environment.ts';

/** Puts `config` in force without a listener, hands the gateway to `use`, and closes it. Throws when the config is bad. */
export async function withGateway<T>(
  config: GatewayConfig,
  environment: Environment,
  use: (gateway: CliGateway) => T | Promise<T>,
): Promise<T> {
  const gateway = environment.createGateway(config, {
    logger: warnings(environment),
    records: environment.records,
  });
  try {
    await gateway.applied();
    return await use(gateway);
  } finally {
    await gateway.close();
  }
}

/** Warnings and errors as plain lines; the rest is of no use to someone who looks at a file. */
function warnings(environment: Environment): Logger {
  const tell = (level: string) => (fields: object, message: string) => {
    const facts = Object.entries(fields).map(([name, value]) => `${name}: ${fact(value)}`);
    environment.err(`${[`${level}: ${message}`, ...facts].join(', ')}\n`);
  };
  return { info() {}, warn: tell('warning'), error: tell('error') };
}

function fact(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
