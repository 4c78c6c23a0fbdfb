// One worker: runs the module of handlers in an environment of its own and answers requests of the core that it is told. It publishes nothing and opens no socket.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { parseRoute } from '../config/parse.ts';
import type { Runner } from '../handler/failure.ts';
import { runHandler } from '../handler/run.ts';
import type { Handler } from '../handler/types.ts';
import { Bridge } from '../listener/bridge.ts';
import { loadNative } from '../native/binding.ts';
import type { Logger } from '../observe/logger.ts';
import { watchLoad } from '../observe/overload.ts';
import { loadRegistrations } from './module.ts';
import type { Binding, FromWorker, ToWorker, WorkerSetup } from './protocol.ts';

const port = parentPort as MessagePort;
const setup = workerData as WorkerSetup;
const handlers = new Map<string, Handler>();
const byNumber: (Handler | undefined)[] = [];
let bridge: Bridge | null = null;
let format: Binding['format'] = 'problem';

const logger: Logger = {
  info: (fields, message) => log('info', fields, message),
  warn: (fields, message) => log('warn', fields, message),
  error: (fields, message) => log('error', fields, message),
};
const runner: Runner = { logger, format: () => format };

function tell(message: FromWorker): void {
  port.postMessage(message);
}

/** Fields that cannot be copied to another thread, such as functions, are left out with all others. */
function log(level: 'info' | 'warn' | 'error', fields: object, message: string): void {
  try {
    tell({ kind: 'log', level, fields, message });
  } catch {
    tell({ kind: 'log', level, fields: { unprintable: true }, message });
  }
}

async function bind(): Promise<void> {
  for (const { route, handler } of await loadRegistrations(setup.file)) {
    if (handler === undefined) continue;
    const { id } = parseRoute(route, { ...setup.routes, handler: 0 });
    handlers.set(id, handler);
  }
}

function serve(binding: Binding): void {
  format = binding.format;
  for (const [number, id] of binding.handlers) byNumber[number] = handlers.get(id);
  if (bridge !== null) return;
  const native = loadNative();
  bridge = new Bridge(native, native.coreOpen(setup.core), {
    handle: (exchange, number) => runHandler(runner, exchange, byNumber[number]),
    keysWanted: (issuer, generation) => tell({ kind: 'keys', issuer, generation }),
    report: (err) => logger.error({ err }, 'the gateway met an error of its own'),
  });
  native.engineHost(bridge.engine, true);
  const { engine } = bridge;
  watchLoad({ look: (late) => native.engineLook(engine, late, 0, 0), memory: false });
  tell({ kind: 'serving' });
}

/** Whatever the module keeps open, the thread ends. */
function end(): void {
  if (bridge !== null) {
    bridge.native.engineHost(bridge.engine, false);
    bridge.close();
  }
  process.exit(0);
}

// Also keeps the thread alive.
port.on('message', (message: ToWorker) => {
  if (message.kind === 'serve') serve(message.binding);
  else end();
});

try {
  await bind();
  tell({ kind: 'bound', ids: [...handlers.keys()] });
} catch (error) {
  const said = error instanceof Error ? error.message : String(error);
  tell({ kind: 'failed', message: said.replace(/^listen\.handlers: /, '') });
  port.close();
}
