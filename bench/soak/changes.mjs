// What changes while clients send: the configuration every second, now and then a bad one that must change nothing, and the keys.
import { setTimeout as sleep } from 'node:timers/promises';
import { badConfigOf, configOf } from './config.mjs';
import { Lane, newBook } from './lane.mjs';

const RELOAD_MS = 1000;
/** Every so many configurations one is bad. */
const BAD_EVERY = 6;
const KEYS_MS = 15_000;
/** How long a new key may take to be known; the gateway asks once a second. */
const KEYS_KNOWN_MS = 60_000;

export class Changes {
  reloads = 0;
  /** Bad configurations that were refused, by what was wrong with them. */
  refusals = {};
  rotations = 0;
  faults = [];
  /** What its own requests saw. */
  book = newBook();
  port = 0;
  #options;
  #number = 0;
  #ending = new AbortController();
  #running = Promise.resolve();

  /** `{seed, places, gateway, issuer, clients}` */
  constructor(options) {
    this.#options = options;
  }

  /** The configuration that the gateway starts with. */
  first() {
    const { seed, places } = this.#options;
    return configOf(0, seed, places);
  }

  /** Until `stop`; rejects when one of the processes fails. */
  run() {
    this.#running = Promise.all([
      this.#every(RELOAD_MS, () => this.#reload()),
      this.#every(KEYS_MS, () => this.#rotate()),
    ]);
    return this.#running;
  }

  async stop() {
    this.abandon();
    await this.#running;
  }

  /** Nothing more is begun, whatever is still under way. */
  abandon() {
    this.#ending.abort();
  }

  async #every(ms, act) {
    for (let next = performance.now() + ms; ; next = Math.max(next + ms, performance.now())) {
      const left = Math.max(0, next - performance.now());
      await sleep(left, undefined, { signal: this.#ending.signal }).catch(() => {});
      if (this.#ending.signal.aborted) return;
      await act();
    }
  }

  async #reload() {
    this.#number += 1;
    const { seed, places, gateway } = this.#options;
    if (this.#number % BAD_EVERY === 0) return this.#reloadBadly();
    await gateway.ask('reload', configOf(this.#number, seed, places));
    this.reloads += 1;
    await this.#tell({ applied: this.#number });
  }

  async #reloadBadly() {
    const { seed, places, gateway } = this.#options;
    const { flaw, config } = badConfigOf(this.#number / BAD_EVERY, seed, places);
    const before = await gateway.ask('generation');
    const code = await gateway.ask('reload', config).then(
      () => 'none',
      (error) => error.code,
    );
    if (!['ERR_FG_CONFIG_INVALID', 'ERR_FG_ROUTE_CONFLICT'].includes(code))
      this.faults.push(`a configuration with ${flaw} gave the error ${code}`);
    if ((await gateway.ask('generation')) !== before)
      this.faults.push(`a configuration with ${flaw} changed the generation`);
    this.refusals[flaw] = (this.refusals[flaw] ?? 0) + 1;
  }

  /** A further key: clients use it once the gateway knows it, and that the oldest is gone. */
  async #rotate() {
    const { issuer } = this.#options;
    await issuer.add();
    const { good, retired, ...others } = issuer.tokens();
    const end = performance.now() + KEYS_KNOWN_MS;
    for (;;) {
      const isNew = (await this.#statusOf(good[0].token)) === 200;
      const isGone = retired.length === 0 || (await this.#statusOf(retired[0].token)) === 401;
      if (isNew && isGone) break;
      if (this.#ending.signal.aborted) return;
      if (performance.now() > end) {
        this.faults.push(
          `after ${KEYS_KNOWN_MS} ms a new key is ${isNew ? 'known' : 'unknown'}, an old one ${isGone ? 'gone' : 'in use'}`,
        );
        return;
      }
      await sleep(200);
    }
    this.rotations += 1;
    await this.#tell({ tokens: { good, retired, ...others } });
  }

  async #statusOf(token) {
    const { seed, places } = this.#options;
    const state = { port: this.port, listener: places.listener, stopping: false };
    const lane = new Lane({ name: 'keys', seed: seed + this.#number, book: this.book, state });
    const lines = [`Authorization: Bearer ${token}`];
    try {
      return (await lane.exchange({ endpoint: 'me', target: '/o/me/keys', lines })).status;
    } catch (error) {
      this.faults.push(`a request with a new token: ${error.message}`);
      return 0;
    } finally {
      lane.close();
    }
  }

  #tell(changes) {
    return Promise.all(this.#options.clients.map((client) => client.ask('update', changes)));
  }
}
