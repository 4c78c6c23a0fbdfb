// The example of the token service runs as its first lines say, ends by itself, and prints what it is there to show.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('examples/token-service.mjs', async () => {
  const lines = await new Promise<string[]>((resolve, reject) => {
    execFile(
      process.execPath,
      ['examples/token-service.mjs'],
      { cwd: root, timeout: 20_000 },
      (error, out, err) => {
        if (error) reject(new Error(`${error.message}\n${err}`));
        else resolve(out.trim().split('\n'));
      },
    );
  });
  expect(lines).toEqual([
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
  ]);
});
