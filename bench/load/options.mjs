// The command line of the load benchmark, and the scenarios that it chooses from.
import { parseArgs } from 'node:util';
import { loadedPath } from '../inputs/routes.mjs';
import { rows } from './table/rows.mjs';
import { targets } from './targets.mjs';

/** Without `--targets`. */
const usual = [
  'nginx-proxy',
  'haproxy-jwt',
  'envoy-jwtcache',
  'uws-undici',
  'fastify-http-proxy',
  'uws-hello',
  'ferrogate-threads-policies',
  'ferrogate-loop-policies',
  'ferrogate-uws-policies',
  'ferrogate-uws-policed-handler',
];

export const usage = `usage: npm run bench:load -- [--rounds N] [--secs S] [--conns 4,64] [--targets a,b] [--smoke]
       npm run bench:load -- --table native [--rows a,b] [--rounds N] [--secs S] [--targets a,b] [--open PATH] [--smoke]
  --rounds   interleaved rounds after the warm-up (default 5)
  --secs     seconds of load for a target in a round (default 6)
  --conns    keep-alive connections; each is a scenario (default 64,4)
  --targets  ${Object.keys(targets).join(', ')}
             (default ${usual.join(', ')}; with --table those of each row; ratios need nginx-proxy and uws-hello)
  --table    the rows of the native listener, with their goals
  --rows     ${Object.keys(rows).join(', ')} (default all)
  --open     the open-loop generator if it is built already
  --smoke    one round of one second, nothing is written`;

/** 103 bytes, as in the figures of other gateways that ours are compared with. */
export const smallBody =
  '{"id":42,"name":"a widget of the ordinary kind","price":1999,"currency":"EUR","stock":17,"tags":["a"]}';
/** 16 KiB. */
export const largeBody = JSON.stringify({ id: 42, pad: 'x'.repeat(16_384 - 18) });
/** The origin answers this path with the large body; it is of the same route. */
export const largePath = loadedPath.replace('1347', '1348');

/**
 * `{rounds, seconds, names, isSmoke, isTable, …}`: `names` are targets, or rows of the table, whose own targets
 * `only` replaces. Throws a message for the user.
 */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      secs: { type: 'string', default: '6' },
      conns: { type: 'string', default: '64,4' },
      targets: { type: 'string' },
      table: { type: 'string' },
      rows: { type: 'string', default: Object.keys(rows).join(',') },
      open: { type: 'string' },
      smoke: { type: 'boolean', default: false },
    },
  });
  const isSmoke = values.smoke;
  const time = {
    rounds: isSmoke ? 1 : positive('rounds', values.rounds),
    seconds: isSmoke ? 1 : positive('secs', values.secs),
    isSmoke,
  };
  const only = values.targets === undefined ? null : known('target', values.targets.split(','), targets);
  if (values.table === undefined) {
    const connections = values.conns.split(',').map((text) => positive('conns', text));
    return { ...time, isTable: false, names: only ?? usual, scenarios: scenarios(connections) };
  }
  if (values.table !== 'native') throw new Error(`unknown table ${values.table}`);
  const names = known('row', values.rows.split(','), rows);
  return { ...time, isTable: true, names, only, openBinary: values.open };
}

function known(what, names, all) {
  const unknown = names.filter((name) => all[name] === undefined);
  if (unknown.length > 0) throw new Error(`unknown ${what} ${unknown.join(', ')}`);
  return names;
}

/** Small bodies at each number of connections; large ones at 64, for targets that forward. */
function scenarios(connections) {
  return connections.flatMap((count) => {
    const small = { name: `c${count} 100 B`, connections: count, isLarge: false };
    const large = { name: `c${count} 16 KiB`, connections: count, isLarge: true };
    return count === 64 ? [small, large] : [small];
  });
}

function positive(name, text) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`--${name}: a number from 1 to 999999, not "${text}"`);
  return Number(text);
}
