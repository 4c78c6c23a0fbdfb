// The command line: arguments, output, exit codes; the gateway is a fake.
import { describe, expect, it } from 'vitest';
import { hashApiKey } from '../../src/apikey/create.ts';
import { run } from '../../src/cli/program.ts';
import { GatewayError, invalidConfig } from '../../src/errors.ts';
import { fakeEnvironment, refusal } from './support.ts';

const files = { 'a.json': { service: 'a' } };
const unreadable = new GatewayError('ERR_FG_FILE_UNREADABLE', 'cannot read b.json: ENOENT');
const faults = invalidConfig([
  { path: 'routes[0].match.path', message: 'expected a path, received 7' },
  { path: '', message: 'expected an object' },
]);

describe('usage', () => {
  it.each([
    ['nothing', []],
    ['an unknown command', ['serve']],
    ['an unknown option', ['start', '--prot', '1']],
    ['an extra argument', ['start', 'x']],
    ['check without a file', ['check']],
    ['a port that is no number', ['start', '--port', '80a']],
    ['a port in another notation', ['start', '--port', '0x50']],
    ['a port that is too high', ['start', '--port', '65536']],
    ['an admin port below zero', ['start', '--admin-port', '-1']],
    ['an option without its value', ['start', '--config']],
    ['a demo with a file', ['start', '--demo', '--config', 'a.json']],
    ['explain without a URL', ['explain', 'GET']],
    ['explain of no URL', ['explain', 'GET', 'orders']],
    ['explain of another scheme', ['explain', 'GET', 'ftp://a/']],
    ['a header without a colon', ['explain', 'GET', '/', '-H', 'nothing']],
    ['a header without a name', ['explain', 'GET', '/', '-H', ': x']],
  ])('%s exits with 2 and says so on standard error', async (_, args) => {
    const environment = fakeEnvironment(files);
    expect(await run(args, environment)).toBe(2);
    expect(environment.written.out).toBe('');
    expect(environment.written.err).not.toBe('');
    expect(environment.calls).toEqual([]);
  });

  it.each([
    [['--version'], '1.2.3\n'],
    [['--help'], /Usage: ferrogate/],
    [['start', '--help'], /--admin-port <port>/],
  ])('%j exits with 0', async (args, text) => {
    const environment = fakeEnvironment();
    expect(await run(args, environment)).toBe(0);
    expect(environment.written.out).toMatch(text);
  });

  it('api-key prints a new key and its hash', async () => {
    const environment = fakeEnvironment();
    expect(await run(['api-key'], environment)).toBe(0);
    const [, key = '', hash] =
      /^key {3}(fgk_[\w-]{43})\nhash {2}(sha256:[0-9a-f]{64})\n$/.exec(environment.written.out) ?? [];
    expect(hash).toBe(hashApiKey(key));
  });

  it('without a file names the default ones', async () => {
    const environment = fakeEnvironment();
    expect(await run(['routes'], environment)).toBe(2);
    expect(environment.written.err).toBe(
      'there is no ferrogate.json, ferrogate.jsonc, ferrogate.yaml in /nowhere: name a file with --config\n',
    );
  });
});

describe('check', () => {
  it('is silent for a valid file but for warnings', async () => {
    const environment = fakeEnvironment(files);
    expect(await run(['check', 'a.json'], environment)).toBe(0);
    expect(environment.written).toEqual({ out: '', err: 'warning: unreachable, route: a\n' });
    expect(environment.calls).toEqual(['applied', 'close']);
  });

  it('prints every fault and exits with 1', async () => {
    const environment = fakeEnvironment(files, {
      applied: () => Promise.reject(faults),
    });
    expect(await run(['check', 'a.json'], environment)).toBe(1);
    expect(environment.written.out).toBe('');
    expect(environment.written.err).toContain(
      '\nroutes[0].match.path: expected a path, received 7\nexpected an object\n',
    );
    expect(environment.calls).toEqual(['close']);
  });

  it('exits with 2 for a file that cannot be read', async () => {
    const environment = fakeEnvironment({ 'b.json': unreadable });
    expect(await run(['check', 'b.json'], environment)).toBe(2);
    expect(environment.written.err).toBe('cannot read b.json: ENOENT\n');
  });

  it('exits with 1 for a file that is malformed', async () => {
    const environment = fakeEnvironment({
      'b.json': invalidConfig([{ path: 'b.json:1:2', message: 'expected JSON' }]),
    });
    expect(await run(['check', 'b.json'], environment)).toBe(1);
    expect(environment.written.err).toBe('b.json:1:2: expected JSON\n');
  });

  it('exits with 1 for a conflict, which has no list of faults', async () => {
    const conflict = new GatewayError(
      'ERR_FG_ROUTE_CONFLICT',
      'route "a" and route "b" take the same requests',
    );
    const environment = fakeEnvironment(files, { applied: () => Promise.reject(conflict) });
    expect(await run(['check', 'a.json'], environment)).toBe(1);
    expect(environment.written.err).toContain('route "a" and route "b"');
  });
});

describe('routes', () => {
  it('prints the table', async () => {
    const environment = fakeEnvironment(files);
    expect(await run(['routes', '--config', 'a.json'], environment)).toBe(0);
    expect(environment.written.out).toBe(
      [
        'ID     METHODS  HOST  PATH         ISSUERS  LIMITS     TO',
        'order  GET      *     /orders/:id  main     perClient  upstream orders',
        '',
      ].join('\n'),
    );
  });
});

describe('explain', () => {
  it('asks with the letters it was given and prints the steps', async () => {
    const environment = fakeEnvironment(files);
    const headers = ['-H', 'Host: api.example', '-H', 'x-empty:', '--header', 'x-a: b: c '];
    expect(
      await run(['explain', 'GET', '/a/../%2f//b?c', ...headers, '--config', 'a.json'], environment),
    ).toBe(0);
    expect(environment.calls).toEqual([
      'applied',
      'explain GET /a/../%2f//b?c [["Host","api.example"],["x-empty",""],["x-a","b: c"]]',
      'close',
    ]);
    expect(environment.written.out).toBe(
      'guard  pass\nroute  order    GET /orders/:id\ntoken  refused  no token\n=> refused with 401, route order\n',
    );
  });

  it('prints JSON when asked', async () => {
    const environment = fakeEnvironment(files);
    expect(await run(['explain', 'GET', 'https://h/x', '--json', '--config', 'a.json'], environment)).toBe(0);
    expect(JSON.parse(environment.written.out)).toEqual(refusal);
  });
});
