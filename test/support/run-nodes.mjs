// Runs the tests under other versions of Node: `node test/support/run-nodes.mjs 22 24`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';
import { nodePath } from './nodes.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
/**
 * What runs under each version: everything in which Node takes part. Engine threads see no Node but for handlers, the start
 * and the end, so only the end-to-end tests of these run with them. The conformance tests are about the parsers: the engine's is the
 * same under every Node, that of uWebSockets.js is another binary for each.
 */
const runs = [
  {
    projects: ['once', 'uws', 'loop'],
    folders: [
      'admin',
      'cli',
      'e2e',
      'gateway',
      'handler',
      'jwks',
      'listener',
      'native',
      'observe',
      'regression',
      'source',
      'targets',
    ],
  },
  {
    projects: ['native'],
    folders: [
      'handler-answers',
      'handler-context',
      'handler-failures',
      'closing',
      'contained',
      'takeover',
    ].map((name) => `e2e/${name}`),
  },
  // Nothing where uWebSockets.js does not load; `once`, which has none of these, is always there.
  {
    projects: ['once', 'uws'],
    folders: ['conformance/conformance', 'conformance/gaps'],
    more: ['--passWithNoTests'],
  },
];
/** Long tests of what the engine does with sockets, the same under every Node. */
const engineAlone = [
  'aborts',
  'concurrency',
  'endless-answers',
  'slow-clients',
  'streaming',
  'upstream-failures',
];
const majors = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22', '24', '26'];

function run(major) {
  const node = nodePath(major);
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  process.stdout.write(`\nNode ${major}\n`);
  return runs
    .map(({ projects, folders, more = [] }) => {
      const files = folders.map((folder) => `test/${folder}${folder.includes('/') ? '.test.ts' : '/'}`);
      const left = engineAlone.map((name) => `--exclude=test/e2e/${name}.test.ts`);
      const of = projects.map((project) => `--project=${project}`);
      const args = ['node_modules/vitest/vitest.mjs', 'run', ...more, ...left, ...of, ...files];
      return spawnSync(node, args, { cwd: root, env, stdio: 'inherit' }).status === 0;
    })
    .every((passed) => passed);
}

if (!ensure(['curl', 'nginx', 'openssl', 'redis-server'])) process.exit(1);
if (!existsSync(`${root}dist/index.js`) || !existsSync(`${root}dist/addon/addon.cjs`)) {
  process.stderr.write('not built: run `npm run build` first\n');
  process.exit(1);
}
const failed = majors.filter((major) => !run(major));
if (failed.length > 0) process.stderr.write(`\nfailed on Node ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
