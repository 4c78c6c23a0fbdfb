// Slow clients: those that end well, and those that the gateway's clocks end.
import { clocks } from '../config.mjs';
import { check, checkOwn, checkRefusal, checkStatus, requestBytes } from '../lane.mjs';
import { contentOf, isContentOf } from '../random.mjs';

const native = ['native', 'loop'];
/** A clock may run out early by so much: it ticks in steps. Time is taken before the act that starts the clock. */
const EARLY_MS = 300;

async function byteByByte(lane, wire, bytes, pauseMs) {
  for (const byte of bytes) {
    if (wire.ending !== null) return;
    wire.send(Uint8Array.of(byte));
    await lane.pause(lane.random.below(pauseMs));
  }
}

/** Head and body byte by byte, in time. */
async function slowRequest(lane) {
  const id = lane.id();
  const body = contentOf(id, lane.random.between(1, 30));
  const wire = await lane.open();
  const answered = lane.begin('upload');
  const target = `/o/upload/${id}?size=${body.length}`;
  const bytes = requestBytes({ method: 'POST', target, body });
  // uWebSockets.js does not read a head in pieces.
  const atOnce = lane.isNative ? 0 : bytes.length - body.length;
  wire.send(bytes.subarray(0, atOnce));
  await byteByByte(lane, wire, bytes.subarray(atOnce), 12);
  const answer = await lane.answer(wire, answered);
  check(checkOwn(answer, id).same, 'the body arrived changed');
  await lane.settle(wire, answer);
}

/** Waits for what a clock of the gateway does; @returns milliseconds since `since` */
async function awaitClock(lane, wire, since) {
  while (wire.ending === null && wire.unread === 0) await lane.pause(100);
  return performance.now() - since;
}

/** 408, told not before the clock has run out, and the connection is closed. */
async function timedOut(lane, wire, answered, since, limit) {
  const took = await awaitClock(lane, wire, since);
  const answer = await wire.answer();
  answered(answer.status);
  checkRefusal(answer, 408, 'request_timeout');
  check(took > limit - EARLY_MS, `given up after ${took.toFixed(0)} ms of ${limit}`);
  await lane.settle(wire, answer, { closes: true });
}

async function halfHead(lane) {
  const since = performance.now();
  const wire = await lane.open();
  const answered = lane.begin('unmatched');
  const head = requestBytes({ target: `/o/small/${lane.id()}` });
  wire.send(head.subarray(0, lane.random.between(1, head.length - 1)));
  lane.inTime(since, clocks.header);
  await timedOut(lane, wire, answered, since, clocks.header);
}

async function silent(lane) {
  const since = performance.now();
  const wire = await lane.open();
  const took = await awaitClock(lane, wire, since);
  check(wire.unread === 0, 'an answer to nothing');
  check(took > clocks.header - EARLY_MS, `given up after ${took.toFixed(0)} ms`);
}

async function idle(lane) {
  const [id, wire, since] = [lane.id(), await lane.open(), performance.now()];
  const answered = lane.begin('small');
  wire.send(requestBytes({ target: `/o/small/${id}` }));
  checkOwn(await lane.answer(wire, answered), id);
  const took = await awaitClock(lane, wire, since);
  check(wire.unread === 0, 'bytes that nobody asked for');
  check(wire.ending === 'end', 'an idle connection was reset');
  check(took > clocks.keepAlive - EARLY_MS, `an idle connection was closed after ${took.toFixed(0)} ms`);
}

/** The body stands still; what of it is at the upstream breaks off. */
async function stalledBody(lane) {
  const [id, opening] = [lane.id(), performance.now()];
  const wire = await lane.open();
  const answered = lane.begin('stall');
  const lines = ['Content-Length: 1000'];
  const since = performance.now();
  wire.send(requestBytes({ method: 'POST', target: `/o/stall/${id}?size=1000`, lines }));
  wire.send(contentOf(id, lane.random.between(1, 900)));
  lane.inTime(opening, clocks.header);
  await timedOut(lane, wire, answered, since, clocks.idle);
}

/** Never silent, and slower than `minBodyRate`. */
async function drip(lane) {
  const [id, opening] = [lane.id(), performance.now()];
  const [wire, since] = [await lane.open(), performance.now()];
  const answered = lane.begin('js-echo');
  wire.send(
    requestBytes({ method: 'POST', target: `/js/echo/${id}?size=9999`, lines: ['Content-Length: 9999'] }),
  );
  lane.inTime(opening, clocks.header);
  while (wire.ending === null && wire.unread === 0) {
    wire.send('drip');
    await lane.pause(200);
  }
  await timedOut(lane, wire, answered, since, clocks.body);
}

/** Reads a large answer with pauses, each far shorter than the gateway's patience. */
async function slowReader(lane) {
  const [id, size, wire] = [lane.id(), 6_000_000, await lane.open()];
  const answered = lane.begin('large');
  wire.send(requestBytes({ target: `/o/large/${id}?size=${size}` }));
  for (let at = 0; at < 20; at += 1) {
    wire.pause();
    await lane.pause(lane.random.below(60));
    wire.resume();
    await lane.pause(1);
  }
  const answer = await lane.answer(wire, answered, { patience: clocks.write });
  checkStatus(answer, 200);
  check(isContentOf(answer.body, id, size), `not the body of ${id}`);
  await lane.settle(wire, answer);
}

/** Reads nothing of an answer without end: its connection is reset, and what made the answer is stopped. */
const noReader = (endpoint, target) => async (lane) => {
  const wire = await lane.open();
  lane.begin(endpoint);
  // In large pieces: the clock runs only when the buffers of both systems, some megabytes, are full.
  wire.send(requestBytes({ target: `${target}/${lane.id()}?size=1000000` }));
  wire.pause();
  await lane.pause(clocks.write * 4);
  wire.resume();
  await wire.ended();
};

export const slow = [
  { name: 'slow request', weight: 6, run: slowRequest },
  { name: 'slow reader', weight: 2, run: slowReader },
  { name: 'body that stalls', weight: 4, run: stalledBody },
  { name: 'head that never ends', weight: 2, on: native, run: halfHead },
  { name: 'connection that says nothing', weight: 1, on: native, run: silent },
  { name: 'idle connection', weight: 0.3, on: native, run: idle },
  { name: 'body that drips', weight: 1, on: native, run: drip },
  { name: 'no reader', weight: 0.5, on: native, run: noReader('abort', '/a/endless') },
  { name: 'no reader of a handler', weight: 0.5, on: native, run: noReader('js-endless', '/ja/endless') },
];
