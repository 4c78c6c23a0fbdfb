// Every case of the table, its bytes split in two at every place, gets what it gets in one piece; the second part is sent when the first was read.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isNative } from '../support/listeners.ts';
import { ANSWER, type Case, type ExpectedRequest, type GatewayName } from './case.ts';
import { cases, tables } from './cases/index.ts';
import { checkReached } from './check.ts';
import { gaps, gatewayNames, type Subject, startSubject } from './gateways.ts';
import { AFTER, complaintsOn, piecesOf, settled } from './run.ts';
import { Taken } from './taken.ts';
import { Wire } from './wire.ts';

/** Connections at a time. */
const AT_ONCE = 128;
/** A longer text is split at every place of its first and last bytes and around the end of its head, and at some between. */
const WHOLE = 700;
const ENDS = 96;
const BETWEEN = 24;

const subjects = new Map<GatewayName, Subject>();
beforeAll(async () => {
  for (const name of gatewayNames) subjects.set(name, await startSubject(name, '::'));
});
afterAll(async () => {
  for (const subject of subjects.values()) await subject.close();
});

let sent = 0;

describe.each(Object.keys(tables))('%s', (table) => {
  for (const one of (tables[table] ?? []).filter(({ name, timed }) => !timed && gaps[name] === undefined)) {
    test(one.name, async () => {
      const subject = subjects.get(one.gateway ?? 'plain') as Subject;
      expect(await splitComplaints(subject, one)).toEqual([]);
    });
  }
});

test('a request is split at about every place', () => {
  expect(sent).toBeGreaterThan(20 * cases.length);
  console.log(`${sent} requests in two parts`);
});

/** All splits of a case; then what reached the upstream must be what one sending makes, as often. */
async function splitComplaints(subject: Subject, test: Case): Promise<string[]> {
  const taken = new Taken(subject.port);
  const { closes, answers, reaches } = test.expect;
  const text = firstPart(piecesOf(test)).first;
  const inGap = gapsOf(text);
  const places = placesOf(text).filter((at) => !inGap.some(([start, end]) => at > start && at < end));
  sent += places.length;
  subject.origin.clear();
  const complaints: string[] = [];
  const left = [...places];
  const lane = async (): Promise<void> => {
    for (let at = left.pop(); at !== undefined; at = left.pop()) {
      const found = await splitAt(subject.port, taken, test, at);
      complaints.push(...found.map((text) => `split at ${at}: ${text}`));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, places.length) }, lane));
  const follows = closes || answers.length === 0 ? [] : [{ line: `GET ${AFTER}` }];
  const each: ExpectedRequest[] = reaches === 'broken' ? [] : [...reaches, ...follows];
  const all = places.flatMap(() => each);
  const reached = await settled(subject, all, reaches === 'broken');
  complaints.push(...checkReached(reached, reaches === 'broken' ? reaches : all));
  return complaints.slice(0, 10);
}

async function splitAt(port: number, taken: Taken, test: Case, at: number): Promise<string[]> {
  const { first, rest } = firstPart(piecesOf(test));
  const wire = await Wire.open(port);
  try {
    await wire.write(first.slice(0, at));
    await taken.by(wire.localPort);
    await wire.send([first.slice(at), ...rest], test.ends);
    return await complaintsOn(wire, test);
  } catch (error) {
    return [(error as Error).message];
  } finally {
    wire.destroy();
  }
}

/** Places inside a request line, from its start to its end: uWebSockets.js answers 505 when it does not read one at once. */
function gapsOf(text: string): [start: number, end: number][] {
  const found: [number, number][] = [];
  let start = 0;
  for (const line of isNative ? [] : text.split('\r\n')) {
    const end = start + line.length + 2;
    if (line.endsWith(' HTTP/1.1')) found.push([start, end]);
    start = end;
  }
  return found;
}

/** What can be sent before an answer must come, in one piece, and the others. */
function firstPart(pieces: readonly string[]): { first: string; rest: string[] } {
  const answer = pieces.indexOf(ANSWER);
  const end = answer < 0 ? pieces.length : answer;
  return { first: pieces.slice(0, end).join(''), rest: pieces.slice(end) };
}

function placesOf(text: string): number[] {
  const all = Array.from({ length: text.length - 1 }, (_, at) => at + 1);
  if (text.length <= WHOLE) return all;
  const head = text.indexOf('\r\n\r\n');
  const step = Math.ceil(text.length / BETWEEN);
  return all.filter(
    (at) => at <= ENDS || at >= text.length - ENDS || Math.abs(at - head) <= 8 || at % step === 0,
  );
}
