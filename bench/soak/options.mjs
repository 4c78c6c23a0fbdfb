// The command line of the soak.
import { parseArgs } from 'node:util';
import { listeners } from './config.mjs';

export const usage = `usage: npm run soak -- [--secs N] [--listener native|loop|uws|all] [--seed N] [--out FOLDER] [--clients N]
  --secs      seconds of traffic for each listener (default 600)
  --listener  who owns the client side (default native)
  --seed      of everything that is chosen (default: a new one, printed)
  --out       folder of the reports (default bench/runs/DATE-MACHINE)
  --clients   processes that send (default 2)`;

/** `{secs, names, seed, out, clients}`. Throws a message for the user. */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      secs: { type: 'string', default: '600' },
      listener: { type: 'string', default: 'native' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      out: { type: 'string' },
      clients: { type: 'string', default: '2' },
    },
  });
  const names = values.listener === 'all' ? Object.keys(listeners) : values.listener.split(',');
  const unknown = names.find((name) => !Object.hasOwn(listeners, name));
  if (unknown !== undefined) throw new Error(`unknown listener ${unknown}`);
  return {
    secs: whole('secs', values.secs),
    names,
    seed: whole('seed', values.seed),
    out: values.out,
    clients: whole('clients', values.clients),
  };
}

function whole(name, text) {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: expected a whole number, received ${text}`);
  return Number(text);
}
