// `ferrogate start`: serves a configuration until a signal ends it; only this command installs signal handlers.
import { MAX_THREADS } from '../config/listen.ts';
import type { GatewayConfig } from '../config/types.ts';
import { type Demo, startDemo } from '../demo/demo.ts';
import type { ListenOverrides } from '../index.ts';
import { createLogger, type Logger } from '../observe/logger.ts';
import { openTakeover, type Takeover } from '../takeover/takeover.ts';
import { type Overrides, readConfig, withOverrides } from './config.ts';
import { type CliGateway, type Environment, exitCodes } from './environment.ts';
import { faultOf } from './faults.ts';
import { untilSignalled } from './signals.ts';

export interface StartOptions extends Overrides {
  readonly config?: string | undefined;
  readonly demo?: boolean | undefined;
  /** Path of the local socket at which listening sockets change hands. */
  readonly takeover?: string | undefined;
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
  const config = await load();
  const gateway = environment.createGateway(config, { logger, records: environment.records });
  let takeover: Takeover | undefined;
  try {
    demo?.register(gateway);
    takeover =
      options.takeover === undefined
        ? undefined
        : await openTakeover(options.takeover, (fields, message) => logger.warn(fields, message));
    const own = { ...threadsOf(config, environment.cores), ...(takeover && { takeover: takeover.sockets }) };
    const { url, adminUrl, listener, listenerReason } = await gateway.listen(own);
    await takeover?.serving(() => gateway.sockets());
    const ended = untilSignalled(environment, {
      stop: (handedOver) => stop(gateway, takeover, handedOver),
      reload: reloader(gateway, load, logger),
      handedOver: takeover?.handedOver,
    });
    logger.info({ listener, reason: listenerReason }, 'listening');
    environment.out(`ferrogate listening on ${url}${adminUrl === undefined ? '' : ` admin ${adminUrl}`}\n`);
    for (const line of demo?.lines(url) ?? []) environment.err(`${line}\n`);
    await ended;
    return exitCodes.done;
  } catch (error) {
    // What came in over sockets of a running instance, which goes on, is served to its end.
    await stop(gateway, takeover, takeover !== undefined);
    throw error;
  }
}

/** A gateway that runs alone takes every core, unless its configuration says otherwise. */
function threadsOf({ listen }: GatewayConfig, cores: number): Pick<ListenOverrides, 'threads'> {
  return listen?.threads === undefined ? { threads: Math.min(cores, MAX_THREADS) } : {};
}

async function stop(gateway: CliGateway, takeover: Takeover | undefined, handedOver: boolean): Promise<void> {
  takeover?.close();
  await gateway.close({ handedOver });
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
