// `ferrogate routes`: the routing table of a configuration on standard output.
import { readConfig } from './config.ts';
import { type Environment, exitCodes } from './environment.ts';
import { withGateway } from './offline.ts';
import { routeTable } from './table.ts';

export interface RoutesOptions {
  readonly config?: string | undefined;
}

export async function routes(options: RoutesOptions, environment: Environment): Promise<number> {
  const config = await readConfig(options.config, environment);
  environment.out(await withGateway(config, environment, (gateway) => routeTable(gateway.routes())));
  return exitCodes.done;
}
