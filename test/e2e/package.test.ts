// The built package as an application loads it: from CommonJS, without uWebSockets.js, and with a copy of its own.
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needs } from '../support/listeners.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const modules = join(root, 'node_modules');
/** Where this repository's own copy of the library is. */
const real = import.meta.resolve('uWebSockets.js');

/** An application folder with the package installed in it, and what the package depends on, but not uWebSockets.js. */
function application(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-app-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const installed = join(folder, 'node_modules', 'ferrogate');
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  for (const name of readdirSync(modules)) {
    if (name.startsWith('.') || name === 'uWebSockets.js' || name === 'ferrogate') continue;
    symlinkSync(join(modules, name), join(folder, 'node_modules', name));
  }
  return folder;
}

/** Runs a script in `folder`; resolves with what it printed. */
function run(folder: string, name: string, script: string): Promise<string> {
  writeFileSync(join(folder, name), script);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [name], { cwd: folder, timeout: 20_000 }, (error, out, err) => {
      if (error) reject(new Error(`${error.message}\n${err}`));
      else resolve(out.trim());
    });
  });
}

describe('the package', () => {
  it('loads by require, with the same exports as by import', async () => {
    const folder = application();
    const common = await run(
      folder,
      'a.cjs',
      `const f = require('ferrogate'); console.log(Object.keys(f).sort().join());`,
    );
    const module = await run(
      folder,
      'a.mjs',
      `import * as f from 'ferrogate'; console.log(Object.keys(f).sort().join());`,
    );
    expect(
      common
        .split(',')
        .filter((name) => !['__esModule', 'default', 'module.exports'].includes(name))
        .join(),
    ).toBe(module);
    expect(module).toBe('GatewayError,createApiKey,createGateway,hashApiKey');
  });

  it('loads the token service by its own name, by require and by import', async () => {
    const folder = application();
    const names =
      'OAuthError,createClientSecret,createTokenService,functionSigner,hashClientSecret,keySigner,memoryStore,redisStore,vaultTransitSigner';
    const common = await run(
      folder,
      'auth.cjs',
      `console.log(typeof require('ferrogate/auth').createTokenService);`,
    );
    const module = await run(
      folder,
      'auth.mjs',
      `import * as a from 'ferrogate/auth'; console.log(Object.keys(a).sort().join());`,
    );
    expect([common, module]).toEqual(['function', names]);
  });

  it('serves from CommonJS by inject, without uWebSockets.js', async () => {
    const out = await run(
      application(),
      'b.cjs',
      `const { createGateway } = require('ferrogate');
      const gateway = createGateway();
      gateway.get('/hello/:name', ({ params }) => 'hello ' + params.name);
      gateway.inject('/hello/you').then(async (response) => {
        console.log(await response.text());
        await gateway.close();
      });`,
    );
    expect(out).toBe('hello you');
  });

  it('without uWebSockets.js serves by itself, and says what to install where that is asked for', async () => {
    const out = await run(
      application(),
      'c.mjs',
      `import { createGateway } from 'ferrogate';
      const gateway = createGateway();
      gateway.get('/', () => 'served');
      await gateway
        .listen({ port: 0, listener: 'uws' })
        .catch((error) => console.log(error.code + ' ' + error.message.replaceAll('\\n', ' ')));
      const { url, listener } = await gateway.listen({ port: 0 });
      console.log(listener + ' ' + (await (await fetch(url)).text()));
      await gateway.close();`,
    );
    const [failure, served] = out.split('\n');
    expect(failure).toMatch(
      /^ERR_FG_LISTENER_UNAVAILABLE .*npm install .*uWebSockets\.js@npm:uws-pack@20\.0\.8/,
    );
    expect(served).toBe('native served');
  });

  it("uses the application's own copy of uWebSockets.js", async (context) => {
    needs(context, 'uws');
    const folder = application();
    const own = join(folder, 'node_modules', 'uWebSockets.js');
    mkdirSync(own);
    const manifest = { name: 'uWebSockets.js', version: '0.0.1', type: 'module', exports: './index.mjs' };
    writeFileSync(join(own, 'package.json'), JSON.stringify(manifest));
    writeFileSync(
      join(own, 'index.mjs'),
      `import * as all from ${JSON.stringify(real)};
      const uws = all.default ?? all;
      const App = (...args) => {
        console.log('the copy of the application');
        return uws.App(...args);
      };
      export default { ...uws, App };`,
    );
    const out = await run(
      folder,
      'd.mjs',
      `import { createGateway } from 'ferrogate';
      const gateway = createGateway();
      gateway.get('/', () => 'served');
      const { url } = await gateway.listen({ port: 0 });
      console.log(await (await fetch(url)).text());
      await gateway.close();`,
    );
    expect(new Set(out.split('\n'))).toEqual(new Set(['the copy of the application', 'served']));
  });

  it('ends by itself after close, and not before', async () => {
    const out = await run(
      application(),
      'e.mjs',
      `import { createGateway } from 'ferrogate';
      const gateway = createGateway();
      process.on('exit', () => console.log('ended'));
      await gateway.inject('/');
      await gateway.close();
      console.log('closed');`,
    );
    expect(out.split('\n').slice(-2)).toEqual(['closed', 'ended']);
  });

  it('declares what it needs', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, unknown>
    >;
    expect(manifest['engines']).toEqual({ node: '>=20.19' });
    expect(manifest['peerDependencies']).toEqual({ 'uWebSockets.js': '*' });
    expect(manifest['peerDependenciesMeta']).toEqual({ 'uWebSockets.js': { optional: true } });
    expect(manifest['devDependencies']?.['uWebSockets.js']).toBe('npm:uws-pack@20.0.8');
  });
});
