// The command line of the load benchmark, and the scenarios that it chooses from.
import { parseArgs } from 'node:util';
import { loadedPath } from '../inputs/routes.mjs';
import { targets } from './targets.mjs';

export const usage = `usage: npm run bench:load -- [--rounds N] [--secs S] [--conns 4,64] [--targets a,b] [--smoke]
  --rounds   interleaved rounds after the warm-up (default 5)
  --secs     seconds of load for a target in a round (default 6)
  --conns    keep-alive connections; each is a scenario (default 64,4)
  --targets  ${Object.keys(targets).join(', ')} (default all; ratios need nginx-proxy and uws-hello)
  --smoke    one round of one second, nothing is written`;

/** 103 bytes, as in the figures of other gateways that ours are compared with. */
export const smallBody =
  '{"id":42,"name":"a widget of the ordinary kind","price":1999,"currency":"EUR","stock":17,"tags":["a"]}';
/** 16 KiB. */
export const largeBody = JSON.stringify({ id: 42, pad: 'x'.repeat(16_384 - 18) });
/** The origin answers this path with the large body; it is of the same route. */
export const largePath = loadedPath.replace('1347', '1348');

/** `{rounds, seconds, names, isSmoke, scenarios}`; throws a message for the user. */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      secs: { type: 'string', default: '6' },
      conns: { type: 'string', default: '64,4' },
      targets: { type: 'string', default: Object.keys(targets).join(',') },
      smoke: { type: 'boolean', default: false },
    },
  });
  const names = values.targets.split(',');
  const unknown = names.filter((name) => targets[name] === undefined);
  if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(', ')}`);
  const isSmoke = values.smoke;
  return {
    rounds: isSmoke ? 1 : positive('rounds', values.rounds),
    seconds: isSmoke ? 1 : positive('secs', values.secs),
    names,
    isSmoke,
    scenarios: scenarios(values.conns.split(',').map((text) => positive('conns', text))),
  };
}

/** Small bodies at each number of connections; large ones at 64, for targets that forward. */
function scenarios(connections) {
  return connections.flatMap((count) => {
    const small = { name: `c${count} 100 B`, connections: count, path: loadedPath, isLarge: false };
    const large = { name: `c${count} 16 KiB`, connections: count, path: largePath, isLarge: true };
    return count === 64 ? [small, large] : [small];
  });
}

function positive(name, text) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`--${name}: a number from 1 to 999999, not "${text}"`);
  return Number(text);
}
