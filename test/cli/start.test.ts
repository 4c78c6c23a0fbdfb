// `ferrogate start`: ready line, signals, reload, demo; the gateway is a fake.
import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { GatewayError } from '../../src/errors.ts';
import { type FakeEnvironment, fakeEnvironment, listening } from './support.ts';

const files = { 'a.json': { listen: { host: '::1' } } };
const args = ['start', '--config', 'a.json'];

async function started(environment: FakeEnvironment, ...more: string[]): Promise<{ code: Promise<number> }> {
  const code = run([...args, ...more], environment);
  await environment.ready();
  return { code };
}

function signal(environment: FakeEnvironment, name: string): void {
  environment.signals.emit(name, name);
}

describe('standard output', () => {
  it('gets one line once the sockets are bound', async () => {
    const environment = fakeEnvironment(files);
    const { code } = await started(environment);
    expect(environment.written.out).toBe(
      'ferrogate listening on http://127.0.0.1:8080 admin http://127.0.0.1:9901\n',
    );
    signal(environment, 'SIGTERM');
    expect(await code).toBe(0);
    expect(environment.written.out.split('\n')).toHaveLength(2);
  });

  it('leaves the admin part out when it is off', async () => {
    const environment = fakeEnvironment(files, {
      listen: async () => ({ ...listening, url: 'https://[::1]:8443' }),
    });
    const { code } = await started(environment);
    expect(environment.written.out).toBe('ferrogate listening on https://[::1]:8443\n');
    signal(environment, 'SIGINT');
    expect(await code).toBe(0);
  });

  it('has no log in it: that goes to standard error as JSON lines', async () => {
    const environment = fakeEnvironment(files);
    const { code } = await started(environment);
    const lines = environment.written.err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map(({ msg }) => msg)).toEqual(['starting', 'unreachable', 'listening']);
    signal(environment, 'SIGTERM');
    await code;
  });
});

describe('the configuration', () => {
  it('gets the ports of the command line and an admin listener', async () => {
    const environment = fakeEnvironment(files);
    const { code } = await started(environment, '--port', '0', '--admin-port', '9000');
    expect(environment.configs).toEqual([{ listen: { host: '::1', port: 0 }, admin: { port: 9000 } }]);
    signal(environment, 'SIGTERM');
    await code;
  });

  it.each([
    [undefined, { threads: 4 }],
    [{ threads: 2 }, {}],
    [{ threads: 'loop' }, {}],
  ])('with listen %j takes %j: all cores where the file says nothing', async (listen, overrides) => {
    const environment = fakeEnvironment({ 'a.json': { listen } });
    const { code } = await started(environment);
    expect(environment.overrides).toEqual([overrides]);
    signal(environment, 'SIGTERM');
    await code;
  });

  it('when it cannot be served ends with 1 and the gateway closed', async () => {
    const inUse = new GatewayError('ERR_FG_ADDRESS_IN_USE', '127.0.0.1:8080 is in use');
    const environment = fakeEnvironment(files, { listen: () => Promise.reject(inUse) });
    expect(await run(args, environment)).toBe(1);
    expect(environment.written.out).toBe('');
    expect(environment.written.err).toContain('127.0.0.1:8080 is in use\n');
    expect(environment.calls).toEqual(['close']);
    expect(environment.signals.eventNames()).toEqual([]);
  });
});

describe('signals', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s drains, and the command ends with 0', async (name) => {
    const environment = fakeEnvironment(files);
    const { code } = await started(environment);
    signal(environment, name);
    expect(await code).toBe(0);
    expect(environment.calls).toEqual(['listen', 'close']);
    expect(environment.signals.eventNames()).toEqual([]);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ])('a second one, %s, forces with %d', async (name, status) => {
    let drained = (): void => {};
    const close = (): Promise<void> => new Promise((resolve) => (drained = resolve));
    const environment = fakeEnvironment(files, { close });
    const { code } = await started(environment);
    signal(environment, 'SIGTERM');
    expect(environment.exits).toEqual([]);
    signal(environment, name);
    expect(environment.exits).toEqual([status]);
    await Promise.resolve();
    drained();
    await code;
  });

  it('SIGHUP reloads the file with the same overrides', async () => {
    const changing: Record<string, unknown> = { 'a.json': { service: 'one' } };
    const environment = fakeEnvironment(changing);
    const { code } = await started(environment, '--port', '1');
    changing['a.json'] = { service: 'two' };
    signal(environment, 'SIGHUP');
    await until(() => environment.written.err.includes('configuration reloaded'));
    expect(environment.configs[1]).toEqual({ service: 'two', listen: { port: 1 }, admin: {} });
    signal(environment, 'SIGTERM');
    expect(await code).toBe(0);
  });

  it('SIGHUP with a bad file is logged and changes nothing', async () => {
    const bad = new GatewayError('ERR_FG_CONFIG_INVALID', 'service: expected a name');
    const environment = fakeEnvironment(files, { reload: () => Promise.reject(bad) });
    const { code } = await started(environment);
    signal(environment, 'SIGHUP');
    await until(() => environment.written.err.includes('service: expected a name'));
    expect(environment.exits).toEqual([]);
    signal(environment, 'SIGTERM');
    expect(await code).toBe(0);
  });

  it('SIGHUP during a reload makes one more reload', async () => {
    const releases: (() => void)[] = [];
    const environment = fakeEnvironment(files, {
      reload: () => new Promise<number>((resolve) => releases.push(() => resolve(2))),
    });
    const { code } = await started(environment);
    for (let time = 0; time < 5; time += 1) signal(environment, 'SIGHUP');
    await until(() => releases.length === 1);
    releases[0]?.();
    await until(() => releases.length === 2);
    releases[1]?.();
    await until(() => environment.written.err.split('configuration reloaded').length === 3);
    signal(environment, 'SIGTERM');
    await code;
    expect(releases).toHaveLength(2);
  });
});

describe('--demo', () => {
  it('serves its own configuration and prints three commands on standard error', async () => {
    const environment = fakeEnvironment();
    const code = run(['start', '--demo', '--port', '0'], environment);
    await environment.ready();
    expect(environment.calls).toEqual(['get /hello/:name', 'listen']);
    expect(environment.configs[0]).toMatchObject({
      listen: { port: 0 },
      admin: {},
      routes: expect.any(Array),
    });
    const commands = environment.written.err.split('\n').filter((line) => line.startsWith('curl '));
    expect(commands).toHaveLength(3);
    expect(commands[1]).toMatch(
      /Authorization: Bearer eyJ[\w-]+\.[\w-]+\.[\w-]+' http:\/\/127\.0\.0\.1:8080\/orders\/7$/,
    );
    signal(environment, 'SIGTERM');
    expect(await code).toBe(0);
  });
});

/** Lets promises settle until `condition` holds; no timer is waited for. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('the condition never held');
}
