// `ferrogate start`: serves a configuration until a signal ends it; only this command installs signal handlers.
import type { GatewayConfig } from '../config/types.ts';
import { type Demo, startDemo } from '../demo/demo.ts';
import { createLogger, type Logger } from '../observe/logger.ts';
import { type Overrides, readConfig, withOverrides } from './config.ts';
import { type CliGateway, type Environment, exitCodes } from './environment.ts';
import { faultOf } from './faults.ts';
import { untilSignalled } from './signals.ts';

export interface StartOptions extends Overrides {
  readonly config?: string | undefined;
  readonly demo?: boolean | undefined;
}

/** Resolves with the exit code once a signal has ended the gateway. Throws when it cannot start. */
export async function start(options: StartOptions, environment: Environment): Promise<number> {
  const demo = options.demo === true ? await startDemo() : undefined;
  try {
    return await serve(options, environment, demo);
  } finally {
    await demo?.close();
  }
}

async function serve(
  options: StartOptions,
  environment: Environment,
  demo: Demo | undefined,
): Promise<number> {
  const logger = createLogger({ write: (text) => environment.err(text) });
  const load = async (): Promise<GatewayConfig> =>
    withOverrides(demo?.config ?? (await readConfig(options.config, environment)), options);
  const gateway = environment.createGateway(await load(), { logger, records: environment.records });
  try {
    demo?.register(gateway);
    const { url, adminUrl } = await gateway.listen();
    const ended = untilSignalled(environment, {
      stop: () => gateway.close(),
      reload: reloader(gateway, load, logger),
    });
    environment.out(`ferrogate listening on ${url}${adminUrl === undefined ? '' : ` admin ${adminUrl}`}\n`);
    for (const line of demo?.lines(url) ?? []) environment.err(`${line}\n`);
    await ended;
    return exitCodes.done;
  } catch (error) {
    await gateway.close();
    throw error;
  }
}

/** Loads the file anew; a bad one is logged and changes nothing. */
function reloader(
  gateway: CliGateway,
  load: () => Promise<GatewayConfig>,
  logger: Logger,
): () => Promise<void> {
  return async () => {
    try {
      await gateway.reload(await load());
      logger.info({}, 'configuration reloaded');
    } catch (error) {
      logger.error(
        { reason: faultOf(error).text.trimEnd() },
        'the configuration is not reloaded: the one in force stays',
      );
    }
  };
}
