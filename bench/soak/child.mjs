// A process of the soak that takes orders over IPC; one that ends by itself fails every order.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Starts a script of this folder. `ask(order, argument)` resolves with its answer, rejects with what it threw (`code` kept);
 * `failed` rejects when the process ends before `stop`.
 */
export function startChild(name, execArgv = []) {
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const child = fork(script, [], { execArgv, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  const waiting = new Map();
  let [last, isStopped] = [0, false];
  const failed = failureOf(name, child, waiting, () => isStopped);
  child.on('message', ({ id, value, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(Object.assign(new Error(error.message), error));
  });
  return {
    pid: child.pid,
    failed,
    ask: (order, argument) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        child.send({ id: last, order, argument }, (error) => error && reject(error));
      }),
    async stop() {
      isStopped = true;
      await stopped(child);
    },
  };
}

/** Rejects, and every order with it, when the process ends by itself. */
function failureOf(name, child, waiting, isStopped) {
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = (errors + text).slice(-4000);
  });
  const failed = new Promise((_, reject) => {
    child.once('exit', (code, signal) => {
      const error = new Error(`the process ${name} ended with ${code ?? signal}: ${errors}`);
      for (const order of waiting.values()) order.reject(error);
      if (!isStopped()) reject(error);
    });
  });
  // Only who still waits hears of it.
  failed.catch(() => {});
  return failed;
}

async function stopped(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}
