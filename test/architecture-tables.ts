// What `architecture.test.ts` holds the code to: who may import whom, and which files and functions are long for a reason.

/** Areas of src, each with those that it may import; `index → gateway → parts → config → errors`. */
export const typescriptAreas: Readonly<Record<string, readonly string[]>> = {
  'index.ts': [
    'gateway.ts',
    'types.ts',
    'apikey',
    'config',
    'denylist',
    'handler',
    'listener',
    'observe',
    'errors.ts',
  ],
  'gateway.ts': [
    'announcer.ts',
    'limit-overrides.ts',
    'listening.ts',
    'plane.ts',
    'types.ts',
    'admin',
    'config',
    'handler',
    'denylist',
    'jwks',
    'listener',
    'native',
    'observe',
    'source',
    'takeover',
    'targets',
    'workers',
    'errors.ts',
  ],
  // What the composition root offers and opens.
  'announcer.ts': ['types.ts', 'handler', 'observe'],
  'plane.ts': ['types.ts', 'config', 'handler', 'listener', 'native', 'observe'],
  'limit-overrides.ts': ['types.ts', 'config', 'native', 'errors.ts'],
  'listening.ts': ['types.ts', 'waiting.ts', 'config', 'listener', 'errors.ts'],
  // Types alone, no code that runs.
  'types.ts': ['config', 'denylist', 'handler', 'listener', 'observe', 'takeover'],
  'waiting.ts': [],
  cli: ['index.ts', 'demo', 'config', 'observe', 'source', 'takeover', 'errors.ts'],
  takeover: ['native', 'errors.ts'],
  demo: ['index.ts'],
  workers: ['handler', 'listener', 'observe', 'native', 'config', 'errors.ts'],
  handler: ['listener', 'observe', 'native', 'config', 'types.ts', 'errors.ts'],
  listener: ['native', 'errors.ts'],
  jwks: ['observe', 'native', 'config', 'errors.ts'],
  apikey: [],
  denylist: ['stores', 'observe', 'native', 'config', 'errors.ts'],
  targets: ['observe', 'config', 'errors.ts'],
  // The token service and the deny-list keep their state there.
  stores: ['config'],
  // The token service, an entry of its own beside `index.ts`; of `handler` and `observe` it takes types and the logger.
  auth: ['stores', 'handler', 'observe', 'config', 'errors.ts'],
  source: ['config', 'errors.ts'],
  admin: ['errors.ts'],
  observe: ['native', 'errors.ts'],
  native: ['errors.ts'],
  config: ['errors.ts'],
  'errors.ts': [],
};

/** Modules of native, each with those that it may use. Every module may use `time`, `decimal` and `sync`. */
export const rustModules: Readonly<Record<string, readonly string[]>> = {
  binding: ['engine', 'explain', 'core', 'jwt', 'respond', 'router', 'snapshot'],
  explain: ['core', 'decide', 'respond', 'snapshot', 'h1', 'jwt', 'router', 'observe'],
  engine: [
    'core',
    'decide',
    'remote',
    'upstream',
    'h1',
    'ws',
    'respond',
    'observe',
    'snapshot',
    'tls',
    'access',
    'overload',
  ],
  core: ['snapshot', 'upstream', 'remote', 'observe', 'jwt', 'limit', 'tls', 'access', 'overload'],
  decide: ['respond', 'snapshot', 'remote', 'observe', 'h1', 'router', 'limit', 'jwt', 'apikey', 'access'],
  // The outcome that `decide` fills is what an answer is written from.
  respond: ['decide', 'snapshot', 'observe', 'h1', 'limit'],
  upstream: ['snapshot', 'observe'],
  // It reads how a store is to be reached.
  remote: ['snapshot', 'observe', 'limit'],
  // It reads what a route wants of a client certificate, and writes that as header lines.
  tls: ['snapshot', 'observe', 'h1'],
  observe: ['snapshot', 'h1'],
  // It holds the handles that live on over a reload (upstreams, counters), so that a request looks nothing up; the
  // bound on limits is `decide`'s, and prefixes are put into `h1`'s canonical form.
  snapshot: [
    'router',
    'remote',
    'limit',
    'jwt',
    'apikey',
    'access',
    'claim',
    'overload',
    'upstream',
    'tls',
    'observe',
    'h1',
    'decide',
  ],
  h1: [],
  ws: [],
  router: [],
  limit: [],
  jwt: ['claim'],
  // What a key stands for is what a token would say.
  apikey: ['jwt'],
  access: ['claim'],
  claim: [],
  overload: ['observe'],
  time: [],
  decimal: [],
  detail: [],
  sync: [],
  lib: [],
};

/** Longer files, each with its reason. */
export const longFiles: Readonly<Record<string, string>> = {
  'src/config/types.ts': 'generated from the options',
  'src/gateway.ts': 'the one composition root',
  'test/e2e/upstream-failures.test.ts': 'one table of what an upstream can do wrong',
};

/** Lines in the longest function. */
export const MAX_FUNCTION = 40;
/** Longer functions, each with its reason. */
export const longFunctions: Readonly<Record<string, string>> = {
  'native/engine/mod.rs new': 'one value, field by field',
  'native/snapshot/compile/mod.rs compile': 'the order in which the parts of a plan are compiled',
  'native/snapshot/compile/route.rs compile_route': 'one value, field by field',
  'test/conformance/gateways.ts configOf': 'one table: the configuration of the gateways',
};

/** Modules that every module may use. */
export const anywhere: ReadonlySet<string> = new Set(['time', 'decimal', 'sync']);
