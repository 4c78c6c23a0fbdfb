// `ferrogate check FILE`: whether a configuration would be taken, with every fault; it binds and fetches nothing.
import { readConfig } from './config.ts';
import { type Environment, exitCodes } from './environment.ts';
import { withGateway } from './offline.ts';

/** Prints nothing when the file is valid; throws what is wrong with it. */
export async function check(file: string, environment: Environment): Promise<number> {
  const config = await readConfig(file, environment);
  await withGateway(config, environment, () => {});
  return exitCodes.done;
}
