// The configuration of a command: which file, and what the command line changes in it; faults are left to the gateway.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayConfig } from '../config/types.ts';
import { GatewayError } from '../errors.ts';
import type { Environment } from './environment.ts';

/** Looked for in this order when no file is named. */
export const defaultFiles = ['ferrogate.json', 'ferrogate.jsonc', 'ferrogate.yaml'] as const;

/** What the command line changes. */
export interface Overrides {
  readonly port?: number | undefined;
  readonly adminPort?: number | undefined;
}

/**
 * The file to read: `named`, or the first default file in `folder`.
 * Throws `ERR_FG_FILE_UNREADABLE` when there is none.
 */
export function configFile(named: string | undefined, folder: string): string {
  if (named !== undefined) return named;
  const found = defaultFiles.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const message = `there is no ${defaultFiles.join(', ')} in ${folder}: name a file with --config`;
  throw new GatewayError('ERR_FG_FILE_UNREADABLE', message);
}

/** Reads the configuration of a command. */
export async function readConfig(
  named: string | undefined,
  environment: Environment,
): Promise<GatewayConfig> {
  const { config } = await environment.readConfigFile(configFile(named, environment.folder));
  // Not checked yet: createGateway and reload do that, and name every fault.
  return config as GatewayConfig;
}

/** `config` with the ports of the command line, and with an admin listener unless it says otherwise. */
export function withOverrides(config: GatewayConfig, { port, adminPort }: Overrides): GatewayConfig {
  if (!isObject(config)) return config;
  const listen =
    port === undefined || !isObject(config.listen ?? {}) ? {} : { listen: { ...config.listen, port } };
  const admin = config.admin ?? {};
  const asked = adminPort !== undefined && (admin === false || isObject(admin));
  return {
    ...config,
    ...listen,
    admin: asked ? { ...(admin === false ? {} : admin), port: adminPort } : admin,
  };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
