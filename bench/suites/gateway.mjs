// The gateway as the benchmarks call it: the native calls of a request that goes to a JavaScript handler, without a socket.
import { createRequire } from 'node:module';
import { parseConfig, parseRoute, toPlan } from '../../dist/config/parse.js';
import {
  BEGUN_HANDLER,
  EVENT_HEAD,
  FACT_PARAMS,
  META_HANDLER,
  META_STATUS,
  WINDOW_HEAD,
  WINDOW_SIZE,
} from '../../dist/native/layout.js';
import { AUDIENCE, ISSUER } from '../inputs/tokens.mjs';

const native = createRequire(import.meta.url)('../../dist/addon/addon.cjs');

const LOCAL = new Uint8Array([127, 0, 0, 1]).buffer;
/** The header block of a request without a token. */
export const PLAIN_BLOCK = 'host: api.test\r\n';
export const blockWith = (token) => `host: api.test\r\nauthorization: Bearer ${token}\r\n`;

/** The plan as the configuration gives it, so that what is measured is what a user gets. */
function plan({ routes, quota, jwks, cacheEntries }) {
  const parsed = parseConfig({
    service: 'bench',
    via: false,
    records: false,
    overload: false,
    issuers: jwks === undefined ? {} : { main: { issuer: ISSUER, audience: [AUDIENCE], jwks } },
    limits: quota === undefined ? {} : { bench: { ...quota, key: 'client' } },
  });
  const policies = {
    jwt: jwks === undefined ? false : { issuer: 'main', scopes: ['read:orders'] },
    limits: quota === undefined ? [] : ['bench'],
  };
  const planned = routes.map((path, index) =>
    // Number 0 is left to "no handler".
    parseRoute(
      { id: `r${index}`, match: { path }, ...policies },
      { known: parsed.known, handler: index + 1 },
    ),
  );
  const whole = toPlan(parsed, planned);
  // 0, which no configuration says, makes every token a new one.
  return { ...whole, issuers: whole.issuers.map((issuer) => ({ ...issuer, cacheEntries })) };
}

/** One engine over one plan: a class, so that a timed call is monomorphic. */
class Bench {
  #core = native.coreOpen('');
  #window = new ArrayBuffer(WINDOW_SIZE);
  #meta = new Uint32Array(this.#window, 0, WINDOW_HEAD / 4);
  #engine;
  #open = [];

  constructor(options) {
    native.publish(this.#core, JSON.stringify(plan(options)));
    if (options.jwks !== undefined) native.putKeys(this.#core, 'main', JSON.stringify(options.jwks));
    this.#engine = native.engineOpen(this.#core, this.#window, () => {});
  }

  /**
   * The whole path of a request to a JavaScript handler: guard, canonical target, decision, and the end of the exchange with its
   * metrics. Returns the route's index, or the refusal's status as a negative number.
   */
  decide(method, target, block, address = LOCAL) {
    const begun = native.request(this.#engine, method, target, block, address, false);
    if ((begun & 7) !== BEGUN_HANDLER) return -this.#status();
    native.finish(this.#engine, begun >>> 3, 0, true);
    return this.#meta[META_HANDLER] - 1;
  }

  /** The first half of that alone: guard, canonical target, decision. The exchange stays open until `finishAll`. */
  begin(method, target, block) {
    const begun = native.request(this.#engine, method, target, block, LOCAL, false);
    if ((begun & 7) !== BEGUN_HANDLER) return -this.#status();
    this.#open.push(begun >>> 3);
    return this.#meta[META_HANDLER] - 1;
  }

  finishAll() {
    for (let id = this.#open.pop(); id !== undefined; id = this.#open.pop()) {
      native.finish(this.#engine, id, 0, true);
    }
  }

  /** The same as `decide` with the parameters of the path, for tests. */
  decideWithParams(method, target, block) {
    const begun = native.request(this.#engine, method, target, block, LOCAL, false);
    if ((begun & 7) !== BEGUN_HANDLER) return { index: -this.#status(), params: {} };
    const index = this.#meta[META_HANDLER] - 1;
    const params = JSON.parse(native.fact(this.#engine, begun >>> 3, FACT_PARAMS));
    native.finish(this.#engine, begun >>> 3, 0, true);
    return { index, params };
  }

  #status() {
    let status = 0;
    for (let event = native.next(this.#engine); event !== 0; event = native.next(this.#engine)) {
      if ((event & 15) === EVENT_HEAD) status = this.#meta[META_STATUS];
    }
    return status;
  }

  close() {
    native.engineClose(this.#engine);
    native.coreClose(this.#core);
  }
}

/**
 * `routes`: patterns; `quota`: `{rate, per, burst}` per client on each route; `jwks`: a token is demanded;
 * `cacheEntries`: verified tokens that are remembered (default 65,536).
 */
export function openGateway({ routes, quota, jwks, cacheEntries = 65_536 }) {
  return new Bench({ routes, quota, jwks, cacheEntries });
}
