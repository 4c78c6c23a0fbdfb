// A lane sends one kind of traffic after the other and judges every answer; what it saw goes into the book of its process.
import { clocks } from './config.mjs';
import { choices } from './random.mjs';
import { Broken, Wire, Wrong } from './wire.mjs';

/** A connection that was idle for longer is not used again: far from the gateway's own clock, however slow the machine. */
const MAX_IDLE_MS = 3000;
const MAX_KEPT = 100;

/** The traffic ends: what runs is given up and not judged. */
export class Stopped extends Error {}

/** The machine held the client up for so long that the gateway may rightly have given it up: nothing is judged. */
export class Late extends Error {}

/** What the lanes of a process saw. */
export function newBook() {
  return {
    /** Answers by `ENDPOINT STATUS`, as the gateway's metrics count them. */
    known: {},
    /** Requests by endpoint of which no answer was awaited to its head: the gateway may have counted them or not. */
    unknown: {},
    kinds: {},
    wrong: [],
    unexplained: [],
    wrongs: 0,
    unexplaineds: 0,
    answers: 0,
    connections: 0,
  };
}

const add = (table, key) => {
  table[key] = (table[key] ?? 0) + 1;
};

export class Lane {
  #book;
  #state;
  #name;
  #runs = 0;
  #wire = null;
  #opened = [];
  #begun = [];
  random;

  /** `state`: what all lanes of the process share and the coordinator changes; see `client.mjs`. */
  constructor({ name, seed, book, state }) {
    this.#name = name;
    this.#book = book;
    this.#state = state;
    this.random = choices(seed);
  }

  get state() {
    return this.#state;
  }

  get isNative() {
    return this.#state.listener !== 'uws';
  }

  /** Runs kinds until the traffic ends. */
  async run(kinds, pauseMs) {
    while (!this.#state.stopping) {
      await this.#runOne(this.random.weighted(kinds));
      await this.pause(this.random.below(2 * pauseMs)).catch(() => {});
    }
    this.close();
  }

  /** Ends the connection that was kept. */
  close() {
    this.#wire?.close();
    this.#wire = null;
  }

  /** An id that no other request of the run has. */
  id() {
    this.#runs += 1;
    return `${this.#name}.${this.#runs}`;
  }

  /** @throws Stopped when the traffic ends before `ms` are over */
  async pause(ms) {
    if (!this.#state.stopping)
      await Promise.race([new Promise((done) => setTimeout(done, ms)), this.#state.stopped]);
    if (this.#state.stopping) throw new Stopped();
  }

  /** @throws Late when the machine took half of the time in which the gateway's `clock` runs out */
  inTime(since, clock) {
    if (performance.now() - since > clock / 2) throw new Late();
  }

  /** A connection for this run alone; it is broken off when the run ends. `from`: the client's own address. */
  async open(from) {
    this.#book.connections += 1;
    const wire = await Wire.open(this.#state.port, from);
    this.#opened.push(wire);
    return wire;
  }

  /** A request to a route is about to be sent; call what this returns with the status of its answer. */
  begin(endpoint) {
    const request = { endpoint };
    this.#begun.push(request);
    return (status, counted = endpoint) => {
      this.#begun.splice(this.#begun.indexOf(request), 1);
      this.#book.answers += 1;
      if (counted !== null) add(this.#book.known, `${counted} ${status}`);
    };
  }

  /**
   * One request and its answer, on the connection of the last one unless chance or `fresh` wants another. `endpointOf` tells
   * under which route an answer is counted where that is not `endpoint`.
   */
  async exchange({ endpoint, endpointOf = () => endpoint, fresh = false, from, ...request }) {
    const wire = await this.#kept(fresh || from !== undefined, from);
    const answered = this.begin(endpoint);
    wire.send(requestBytes(request));
    const reading = { head: request.method === 'HEAD', old: request.version === '1.0', endpointOf };
    const answer = await this.answer(wire, answered, reading);
    await this.settle(wire, answer, { closes: request.closes });
    if (from !== undefined && this.#wire === wire) {
      // The next request is not this client's.
      this.#wire = null;
      wire.close();
    }
    return answer;
  }

  /**
   * The next answer, whole unless it `mayBreak`; `answered` is told of it. `patience`: the shortest clock of the gateway that
   * runs meanwhile; who took half of it is late.
   */
  async answer(wire, answered, { mayBreak = false, patience = clocks.body, endpointOf, ...how } = {}) {
    const since = wire.idleSince;
    const isLate = () => performance.now() - since > patience / 2;
    let answer;
    try {
      answer = await wire.answer(how);
    } catch (error) {
      if (error instanceof Broken && isLate()) throw new Late();
      throw error;
    }
    if (answer.status === 408 && isLate()) throw new Late();
    answered(answer.status, endpointOf?.(answer));
    if (!answer.complete && !mayBreak) {
      if (isLate()) throw new Late();
      throw new Broken(wire.ending ?? 'end', `in the body of a ${answer.status}`);
    }
    return answer;
  }

  /** After an answer: the connection ends if that says so, else it is kept for the next request. */
  async settle(wire, answer, { closes } = {}) {
    if (closes !== undefined && answer.closes !== closes)
      throw new Wrong(closes ? 'the answer does not end its connection' : 'the answer ends its connection');
    if (answer.closes) {
      if (wire.unread > 0) throw new Wrong('bytes behind the last answer');
      const how = await wire.ended();
      // uWebSockets.js does not wait for what a client still sends of a body that was refused.
      const isKnown = !this.isNative && answer.status === 413;
      if (how === 'reset' && !isKnown) throw new Broken(how, 'behind a whole answer');
      wire.close();
      return;
    }
    if (wire.unread > 0) throw new Wrong('bytes that nobody asked for');
    this.#opened = this.#opened.filter((other) => other !== wire);
    if (this.#wire !== null && this.#wire !== wire) this.#wire.close();
    this.#wire = wire;
  }

  async #kept(fresh, from) {
    const kept = this.#wire;
    this.#wire = null;
    if (kept === null) return this.open(from);
    const idleMs = performance.now() - kept.idleSince;
    const isOld = idleMs > MAX_IDLE_MS;
    if (kept.ending !== null && isOld) throw new Late();
    if (kept.ending !== null)
      throw new Broken(kept.ending, `between two requests, within ${idleMs.toFixed(0)} ms`);
    if (!fresh && !isOld && !this.random.chance(0.1)) {
      this.#opened.push(kept);
      return kept;
    }
    if (this.random.chance(0.5)) kept.reset();
    else kept.close();
    return this.open(from);
  }

  async #runOne(kind) {
    this.#book.kinds[kind.name] ??= { runs: 0, ok: 0, stopped: 0, late: 0 };
    const counts = this.#book.kinds[kind.name];
    const began = new Date().toISOString();
    counts.runs += 1;
    try {
      await kind.run(this);
      counts.ok += 1;
    } catch (error) {
      this.#failed(kind.name, counts, error, began);
    }
    for (const { endpoint } of this.#begun.splice(0))
      if (endpoint !== null) add(this.#book.unknown, endpoint);
    for (const wire of this.#opened.splice(0)) wire.reset();
  }

  #failed(kind, counts, error, began) {
    if (error instanceof Wrong || error instanceof Broken) return this.#tell(kind, error, began);
    // A fault of this program is none of the gateway, and must not pass for one.
    if (!(error instanceof Stopped || error instanceof Late)) throw error;
    counts[error instanceof Late ? 'late' : 'stopped'] += 1;
    // A head that was not whole yet belongs to no route.
    for (const { endpoint } of this.#begun)
      if (endpoint !== 'unmatched') add(this.#book.unknown, 'unmatched');
  }

  #tell(kind, error, began) {
    const isBroken = error instanceof Broken;
    this.#book[isBroken ? 'unexplaineds' : 'wrongs'] += 1;
    const list = isBroken ? this.#book.unexplained : this.#book.wrong;
    if (list.length >= MAX_KEPT) return;
    const last = this.#opened.map((wire) => wire.lastBytes).filter((text) => text !== '');
    const at = new Date().toISOString();
    list.push({ kind, request: `${this.#name}.${this.#runs}`, began, at, what: error.message, last });
  }
}

/** A request as it is sent. `body` comes with its length unless `lines` frame it. */
export function requestBytes({ method = 'GET', target, lines = [], body, version = '1.1' }) {
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`];
  const all = ['Host: soak.test', ...lines, ...length].map((line) => `${line}\r\n`).join('');
  const head = Buffer.from(`${method} ${target} HTTP/${version}\r\n${all}\r\n`, 'latin1');
  return body === undefined ? head : Buffer.concat([head, body]);
}

/** A condition that every answer must meet. */
export function check(holds, what) {
  if (!holds) throw new Wrong(what);
}

export function checkStatus(answer, ...statuses) {
  const text = answer.body.toString('latin1', 0, 200);
  check(
    statuses.includes(answer.status),
    `expected ${statuses.join(' or ')}, received ${answer.status}: ${text}`,
  );
}

/** An answer made by the gateway: status, code and trace id agree, in either format. */
export function checkRefusal(answer, status, ...codes) {
  checkStatus(answer, status);
  let body;
  try {
    body = JSON.parse(answer.body.toString());
  } catch {
    throw new Wrong(`the body of a ${status} is not JSON: ${answer.body.toString('latin1', 0, 200)}`);
  }
  check(codes.includes(body.code), `expected the code ${codes.join(' or ')}, received ${body.code}`);
  check(body.traceId === answer.header('x-trace-id'), 'traceId is not X-Trace-ID');
}

/** 200 with JSON in which `id` is that of the request; the JSON. */
export function checkOwn(answer, id) {
  checkStatus(answer, 200);
  check(/^[0-9a-f]{32}$/.test(answer.header('x-trace-id') ?? ''), 'no X-Trace-ID');
  let body;
  try {
    body = JSON.parse(answer.body.toString());
  } catch {
    throw new Wrong(`not JSON: ${answer.body.toString('latin1', 0, 200)}`);
  }
  check(body.id === id, `the answer of ${body.id} for the request ${id}`);
  return body;
}
