// The command line of ferrogate: names, arguments and options; each command has its own file.
import { Command, CommanderError, Option } from 'commander';
import { apiKey } from './api-key.ts';
import { parseHeader, parsePort, parseRequestUrl } from './arguments.ts';
import { check } from './check.ts';
import { defaultFiles } from './config.ts';
import { type Environment, exitCodes } from './environment.ts';
import { type ExplainOptions, explain } from './explain.ts';
import { faultOf } from './faults.ts';
import { type RoutesOptions, routes } from './routes.ts';
import { type StartOptions, start } from './start.ts';

/** Runs the command in `args` (without node and script); resolves with the exit code and never rejects. */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  let code: number = exitCodes.done;
  const program = createProgram(environment, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said already what is wrong with the command line; help and version are no fault.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const fault = faultOf(error);
    environment.err(fault.text);
    return fault.code;
  }
}

function createProgram(environment: Environment, end: (code: number) => void): Command {
  const program = new Command('ferrogate')
    .description('An API gateway: one file in, every request decided in Rust.')
    .version(environment.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => environment.out(text),
      writeErr: (text) => environment.err(text),
    });

  program
    .command('start')
    .description('serve a configuration until SIGTERM or SIGINT; SIGHUP reloads it')
    .addOption(fileOption())
    .option('--port <port>', 'listen on this port; 0 takes a free one', parsePort)
    .option('--admin-port <port>', 'serve probes and metrics on this port', parsePort)
    .option(
      '--takeover <path>',
      'take the sockets of the instance at this local socket; the next one gets them there',
    )
    .addOption(new Option('--demo', 'serve an embedded upstream and issuer').conflicts('config'))
    .action(async (options: StartOptions) => end(await start(options, environment)));
  program
    .command('check')
    .description('say what is wrong with a configuration: exit 0 valid, 1 invalid, 2 unreadable')
    .argument('<file>')
    .action(async (file: string) => end(await check(file, environment)));
  program
    .command('api-key')
    .description('make an API key, and its hash for the configuration')
    .action(() => end(apiKey(environment)));
  addLooks(program, environment, end);
  return program;
}

/** The commands that only look at a configuration and answer on standard output. */
function addLooks(program: Command, environment: Environment, end: (code: number) => void): void {
  program
    .command('routes')
    .description('print the routing table')
    .addOption(fileOption())
    .action(async (options: RoutesOptions) => end(await routes(options, environment)));
  program
    .command('explain')
    .description('say what would be done with a request, step by step')
    .argument('<method>')
    .argument('<url>', 'a path, or a URL whose host the route asks for', parseRequestUrl)
    .option('-H, --header <header>', "a request header, 'name: value'; may be repeated", parseHeader)
    .addOption(fileOption())
    .option('--json', 'print JSON')
    .action(async (method: string, url: string, options: ExplainOptions) =>
      end(await explain(method, url, options, environment)),
    );
}

function fileOption(): Option {
  return new Option(
    '--config <file>',
    `the configuration; default ${defaultFiles.join(', ')} in this folder`,
  );
}
