// The kinds of slow clients, as slowhttptest makes them or, where it cannot be installed, the generator of the tests.
import { fileURLToPath } from 'node:url';

const generator = fileURLToPath(new URL('../../test/support/children/slow-clients.mjs', import.meta.url));

/** Name → what slowhttptest is told, and the generator's name for it. */
export const kinds = {
  none: null,
  'header (-H)': { flags: ['-H', '-i', '10', '-x', '24', '-t', 'GET'], kind: 'header', path: '/slow' },
  'body (-B)': { flags: ['-B', '-i', '10', '-s', '8192', '-x', '10'], kind: 'body', path: '/slow' },
  'read (-X)': {
    flags: ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3'],
    kind: 'read',
    path: '/large',
  },
};

/** The command of one kind; `tool` is `slowhttptest` or `generator`. */
export function commandOf({ flags, kind, path }, tool, { port, connections, seconds }) {
  if (tool === 'generator') {
    const argument = { port, kind, count: connections, target: path };
    return [process.execPath, generator, JSON.stringify(argument)];
  }
  const bounds = ['-c', String(connections), '-r', String(connections / 2), '-l', String(seconds), '-p', '5'];
  return ['slowhttptest', ...bounds, ...flags, '-u', `http://127.0.0.1:${port}${path}`];
}
