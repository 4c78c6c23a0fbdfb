// Every case of the table pipelined in pairs, both requests in one segment: behind and before a few others, with the answers of each, in order.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answered,
  type Case,
  denied,
  type Expectation,
  type ExpectedRequest,
  forwarded,
  type GatewayName,
  refused,
  request,
} from './case.ts';
import { cases, tables } from './cases/index.ts';
import { checkReached } from './check.ts';
import { gaps, gatewayNames, type Subject, startSubject } from './gateways.ts';
import { AFTER, complaintsOn, piecesOf, settled } from './run.ts';
import { Wire } from './wire.ts';

const PAIR = '/public/pair';

/** One request that no case sends, so that what is seen of it is its own. */
interface Other {
  readonly name: string;
  readonly send: string;
  readonly expect: Expectation;
}

const others: readonly Other[] = [
  { name: 'a forwarded GET', send: request(`GET ${PAIR}`), expect: forwarded(`GET ${PAIR}`) },
  {
    name: 'a forwarded POST',
    send: request(`POST ${PAIR}`, ['Content-Length: 5'], 'hello'),
    expect: forwarded(`POST ${PAIR}`, { body: 'hello' }),
  },
  {
    name: 'a forwarded HEAD',
    send: request(`HEAD ${PAIR}`),
    expect: forwarded(`HEAD ${PAIR}`, {}, { head: true, body: '' }),
  },
  {
    name: 'an answer in chunks',
    send: request(`GET ${PAIR}?answer=chunked`),
    expect: forwarded(`GET ${PAIR}?answer=chunked`),
  },
  {
    name: 'a handler',
    send: request('GET /hello/pair'),
    expect: answered({ status: 200, body: '{"hello":"pair"}' }),
  },
  {
    name: 'a handler that streams',
    send: request('GET /stream'),
    expect: answered({ status: 200, body: 'streamed' }),
  },
  {
    name: 'a body for no route',
    send: request('POST /nowhere/pair', ['Content-Length: 5'], 'hello'),
    expect: denied(404, 'route_not_found'),
  },
  { name: 'a refused one', send: request('GET /pair/%zz'), expect: refused(400) },
];

const subjects = new Map<GatewayName, Subject>();
beforeAll(async () => {
  for (const name of gatewayNames) subjects.set(name, await startSubject(name));
});
afterAll(async () => {
  for (const subject of subjects.values()) await subject.close();
});

const stays = ({ expect: { closes, answers } }: Case | Other): boolean => !closes && answers.length > 0;

describe.each(Object.keys(tables))('%s', (table) => {
  for (const one of (tables[table] ?? []).filter(({ name, timed }) => !timed && gaps[name] === undefined)) {
    test(one.name, async () => {
      const subject = subjects.get(one.gateway ?? 'plain') as Subject;
      const before = others.filter(stays).map((other) => pairOf(other, one));
      const behind = stays(one) && !one.ends ? others.map((other) => pairOf(one, other)) : [];
      expect(await pairComplaints(subject, [...before, ...behind])).toEqual([]);
    });
  }
});

test('no case asks what the others ask', () => {
  const pieces = cases.flatMap(({ send }) => send);
  expect(pieces.filter((piece) => piece.includes(PAIR))).toEqual([]);
});

/** A pair is a case of its own: the first stays, the second ends as it ends. */
interface Pair extends Case {
  readonly pieces: readonly string[];
  /** A request may come to the upstream and break off there. */
  readonly mayBreak: boolean;
}

function pairOf(first: Case | Other, second: Case | Other): Pair {
  const [begin, end] = [piecesOf(first), piecesOf(second)];
  const joint = (begin.pop() ?? '') + (end.shift() ?? '');
  const { answers, reaches } = second.expect;
  return {
    gateway: 'plain',
    ...first,
    ...second,
    name: `${first.name}, then ${second.name}`,
    pieces: [...begin, joint, ...end],
    mayBreak: reaches === 'broken',
    expect: {
      ...second.expect,
      answers: [...first.expect.answers, ...answers],
      reaches: [...listOf(first.expect.reaches), ...listOf(reaches)],
    },
  };
}

function listOf(reaches: Expectation['reaches']): readonly ExpectedRequest[] {
  return reaches === 'broken' ? [] : reaches;
}

async function pairComplaints(subject: Subject, pairs: readonly Pair[]): Promise<string[]> {
  subject.origin.clear();
  const found = await Promise.all(pairs.map((pair) => complaintsOf(subject.port, pair)));
  const expected = pairs.flatMap((pair) => [
    ...listOf(pair.expect.reaches),
    ...(stays(pair) ? [{ line: `GET ${AFTER}` }] : []),
  ]);
  const mayBreak = pairs.some((pair) => pair.mayBreak);
  const reached = await settled(subject, expected, mayBreak);
  const counted = reached.filter(({ complete, ended }) => !(mayBreak && ended && !complete));
  return [...found.flat(), ...checkReached(counted, expected)];
}

async function complaintsOf(port: number, pair: Pair): Promise<string[]> {
  const wire = await Wire.open(port);
  try {
    await wire.send(pair.pieces, pair.ends);
    return (await complaintsOn(wire, pair)).map((text) => `${pair.name}: ${text}`);
  } catch (error) {
    return [`${pair.name}: ${(error as Error).message}`];
  } finally {
    wire.destroy();
  }
}
