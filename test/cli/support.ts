// An environment for commands whose gateway, output and signals a test sees.
import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import type { CliGateway, Environment } from '../../src/cli/environment.ts';
import type { Explanation } from '../../src/cli/explanation.ts';
import type { GatewayConfig, Listening, ListenOverrides, RouteInfo } from '../../src/index.ts';

export interface FakeEnvironment extends Environment {
  readonly signals: EventEmitter;
  /** Standard output and standard error so far. */
  written: { out: string; err: string };
  /** What the gateway was asked to do, in order. */
  calls: string[];
  /** What `listen` was given. */
  overrides: (ListenOverrides | undefined)[];
  /** Configurations given to createGateway and reload. */
  configs: GatewayConfig[];
  exits: number[];
  /** Resolves when standard output holds something. */
  ready(): Promise<void>;
}

export const orderRoute: RouteInfo = {
  id: 'order',
  path: '/orders/:id',
  methods: ['GET'],
  hosts: [],
  issuers: ['main'],
  limits: ['perClient'],
  upstream: 'orders',
};

export const listening: Listening = {
  url: 'http://127.0.0.1:8080',
  host: '127.0.0.1',
  port: 8080,
  listener: 'uws',
  listenerReason: 'uWebSockets.js is installed and loads',
};

export const refusal: Explanation = {
  verdict: 'refused',
  status: 401,
  route: 'order',
  steps: [
    { step: 'guard', outcome: 'pass', detail: '' },
    { step: 'route', outcome: 'order', detail: 'GET /orders/:id' },
    { step: 'token', outcome: 'refused', detail: 'no token' },
  ],
};

/** `files` by path; a missing one cannot be read. `gateway` replaces parts of a gateway that does everything right. */
export function fakeEnvironment(
  files: Record<string, unknown> = {},
  gateway: Partial<CliGateway> = {},
  folder = '/nowhere',
): FakeEnvironment {
  let wake = (): void => {};
  const calls: string[] = [];
  const configs: GatewayConfig[] = [];
  const overrides: (ListenOverrides | undefined)[] = [];
  const environment: FakeEnvironment = {
    version: '1.2.3',
    cores: 4,
    folder,
    records: new Writable(),
    signals: new EventEmitter(),
    written: { out: '', err: '' },
    calls,
    overrides,
    configs,
    exits: [],
    createGateway(config, { logger }) {
      configs.push(config);
      logger.info({ port: 1 }, 'starting');
      logger.warn({ route: 'a' }, 'unreachable');
      return { ...fakeGateway(environment), ...gateway };
    },
    async readConfigFile(path) {
      const config = files[path];
      if (config instanceof Error) throw config;
      if (config === undefined) throw new Error(`test: no file ${path}`);
      return { config };
    },
    out(text) {
      environment.written.out += text;
      wake();
    },
    err(text) {
      environment.written.err += text;
    },
    exit: (code) => void environment.exits.push(code),
    async ready() {
      while (environment.written.out === '') {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  return environment;
}

function fakeGateway({
  calls,
  configs,
  overrides,
}: Pick<FakeEnvironment, 'calls' | 'configs' | 'overrides'>): CliGateway {
  return {
    get: ((path: string) => calls.push(`get ${path}`)) as unknown as CliGateway['get'],
    async listen(given) {
      overrides.push(given);
      calls.push('listen');
      return { ...listening, adminUrl: 'http://127.0.0.1:9901' };
    },
    async applied() {
      calls.push('applied');
      return 1;
    },
    async reload(config) {
      configs.push(config);
      calls.push('reload');
      return 2;
    },
    sockets: () => [],
    routes: () => [orderRoute],
    explain(method, url, headers) {
      calls.push(`explain ${method} ${url} ${JSON.stringify(headers)}`);
      return refusal;
    },
    close: async () => void calls.push('close'),
  };
}
