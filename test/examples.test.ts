// Every example runs as its first lines say, ends by itself, and prints what it is there to show.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each prints; a line that differs is an example that misleads. */
const printed: Readonly<Record<string, readonly string[]>> = {
  'beside-fastify.mjs': [
    '/hello/gateway 200 {"hello":"from the gateway itself"}',
    '/hello/ada 200 {"hello":"ada","trace":true}',
    '/hello/bob 200 {"hello":"bob","trace":true}',
    '/hello/eve 429 rate_limited',
    '/slow 504 upstream_timeout',
    '/other 404 route_not_found',
  ],
  'embed.mjs': [
    'GET /orders/1 200 {"id":"1","item":"anvil"}',
    'GET /orders/x 404',
    'POST /orders 201 {"id":"2","item":"rocket"}',
    'GET /orders/2 200 {"id":"2","item":"rocket"}',
    'GET /countdown 200 3 2 1',
  ],
  'groups.mjs': [
    '/api/health 200',
    '/api/me 401',
    '/api/me 200',
    '/api/search 200',
    '/api/search 429',
    '/api/admin/users/7 403',
    '/api/admin/users/7 200',
  ],
  'key-loader.mjs': [
    'a token of 2026-01: 200 calls: 1',
    'a token of 2026-02: 200 calls: 2',
    'a token of 2026-01: 200 calls: 2',
    'a token of nobody: 401 calls: 2',
  ],
  'proxy.mjs': [
    'an open route: 200 {"method":"GET","url":"/health","user":null}',
    'without a token: 401 token_missing',
    'with a token: 200 {"method":"GET","url":"/orders/1","user":"ada"}',
    'claiming to be eve: 200 {"method":"GET","url":"/orders/1","user":"ada"}',
    'without the scope: 403 insufficient_scope',
    'the third read: 200 {"method":"GET","url":"/orders/1","user":"ada"}',
    'the fourth read: 429 rate_limited',
  ],
  'token-service.mjs': [
    'login: 200 Bearer 300',
    'orders: 200 orders of ada',
    'refresh: 200 another token: true',
    'devices: example, example',
    'a spent token: 400 invalid_grant',
    'its session: 400 invalid_grant',
    'logout: 200 {"ended":true}',
    'after it: 400 invalid_grant',
    'a machine: 200 orders of robot',
    'keys: retired, signing',
    'by the new key: 200 orders of robot',
  ],
};

const examples = readdirSync(`${root}examples`).filter((name) => name.endsWith('.mjs'));

/** What an example prints. It has to end by itself. */
function run(name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [`examples/${name}`], { cwd: root, timeout: 20_000 }, (error, out, err) => {
      if (error) reject(new Error(`${error.message}\n${err}`));
      else resolve(out.trim().split('\n'));
    });
  });
}

test('the index names every example', () => {
  const index = readFileSync(`${root}examples/README.md`, 'utf8');
  expect(examples.filter((name) => !index.includes(`](${name})`))).toEqual([]);
  expect(Object.keys(printed)).toEqual(examples.sort());
});

test.each(examples)('%s', async (name) => {
  expect((await run(name)).map((line) => line.trim())).toEqual(printed[name]);
});
