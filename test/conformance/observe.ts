// Tells in words what comes of a case that a listener does not meet; it judges nothing.
import type { Case } from './case.ts';
import type { Subject } from './gateways.ts';
import type { Reached } from './origin.ts';
import { piecesOf, settled } from './run.ts';
import { pause, Wire } from './wire.ts';

/** What is seen of a case that gets nothing until a timeout of the listener. */
export const SILENCE = 'no answer, closed after 10 s or more';
const LONGEST_SILENCE_MS = 16_000;
/** A connection that says nothing for so long after an answer stays open. */
const QUIET_MS = 150;

/** Sends a case to a subject that serves nothing else meanwhile, and tells answers, ending, and what the upstream saw. */
export async function observe(subject: Subject, test: Case): Promise<string> {
  subject.origin.clear();
  const wire = await Wire.open(subject.port);
  await wire.send(piecesOf(test), test.ends).catch(() => {});
  const text = await quiet(wire);
  const ending = wire.isClosed ? 'closed' : 'open';
  wire.destroy();
  const reached = await settled(subject, [], true);
  const upstream = reached.map(reachedText);
  return (
    [...answersIn(text), ending].join(', ') +
    (upstream.length > 0 ? `; upstream: ${upstream.join(', ')}` : '')
  );
}

/** Sends bytes that are expected to get no answer, and tells whether that is so; many may wait at once. */
export async function observeSilence(subject: Subject, pieces: readonly string[]): Promise<string> {
  const wire = await Wire.open(subject.port);
  const start = performance.now();
  await wire.send(pieces);
  const closed = await wire.closed(LONGEST_SILENCE_MS);
  const tookMs = performance.now() - start;
  wire.destroy();
  if (wire.rest === '' && closed && tookMs > 7500) return SILENCE;
  return `${answersIn(wire.rest).join(', ')}, ${closed ? `closed after ${Math.round(tookMs)} ms` : 'open'}`;
}

/** Everything received until the connection closes or says nothing more. */
async function quiet(wire: Wire): Promise<string> {
  for (let before = -1; before !== wire.rest.length && !wire.isClosed; ) {
    before = wire.rest.length;
    await wire.closed(QUIET_MS);
    if (wire.rest === '' && !wire.isClosed) await pause(QUIET_MS);
  }
  return wire.rest;
}

/** `505 HTML` is a page of the library's own. */
function answersIn(text: string): string[] {
  const starts = [...text.matchAll(/HTTP\/1\.1 (\d{3}).*?\r\n\r\n(<h1>)?/gs)];
  return starts.length === 0
    ? ['no answer']
    : starts.map(([, status, html]) => (html === undefined ? String(status) : `${status} HTML`));
}

function reachedText({ line, body, complete }: Reached): string {
  const bytes = body === '' ? '' : ` with ${body.length} bytes`;
  return `${line}${bytes}${complete ? '' : ', broken off'}`;
}
