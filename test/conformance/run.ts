// Sends a case to a gateway and collects every complaint about what came of it.
import { type Case, type ExpectedRequest, HOST } from './case.ts';
import { checkAnswer, checkReached } from './check.ts';
import { KEY, type Subject, TOKEN, token } from './gateways.ts';
import type { Reached } from './origin.ts';
import { pause, Wire } from './wire.ts';

/** A request that is good on every gateway; each use has a target of its own. */
export const probe = (target: string): string => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;
/** What is asked on a connection that must have stayed. */
export const AFTER = '/public/after';
const BARRIER = '/public/barrier';
export const POISON = '/public/poison';

let sendings = 0;

/** The bytes of a case, piece by piece; of equal lengths whenever they are asked for. */
export function piecesOf({ send }: Pick<Case, 'send'>): string[] {
  sendings += 1;
  const key = String(sendings).padStart(8, '0');
  return [send].flat().map((piece) => piece.replaceAll(TOKEN, token).replaceAll(KEY, key));
}

/** What is wrong about the gateway's treatment of a case; nothing when it behaves. Cases of one subject must not overlap. */
export async function complaintsOf(subject: Subject, test: Case): Promise<string[]> {
  const { origin, port } = subject;
  const { answers, closes, reaches } = test.expect;
  origin.clear();
  const wire = await Wire.open(port);
  const complaints: string[] = [];
  const expected: ExpectedRequest[] = reaches === 'broken' ? [] : [...reaches];
  if (!closes && answers.length > 0) expected.push({ line: `GET ${AFTER}` });
  try {
    await wire.send(piecesOf(test), test.ends);
    complaints.push(...(await complaintsOn(wire, test)));
  } catch (error) {
    complaints.push((error as Error).message);
  } finally {
    wire.destroy();
  }
  const reached = await settled(subject, expected, reaches === 'broken');
  return [...complaints, ...checkReached(reached, reaches === 'broken' ? reaches : expected)];
}

/** What is wrong about what comes back on a connection on which a case was sent. */
export async function complaintsOn(wire: Wire, test: Case): Promise<string[]> {
  const { answers, closes } = test.expect;
  const complaints = await readAnswers(wire, test);
  if (closes || answers.length === 0) {
    if (!(await wire.closed())) complaints.push('the connection stays open');
  } else complaints.push(...(await follow(wire)));
  if (wire.rest !== '') complaints.push(`unasked bytes: ${JSON.stringify(wire.rest.slice(0, 200))}`);
  return complaints;
}

/**
 * The same bytes with a good request behind them in the same segment: after a refusal that closes, it must reach nothing,
 * since nobody knows where the refused request ends.
 */
export async function poisonComplaints(subject: Subject, test: Case): Promise<string[]> {
  const { origin, port } = subject;
  origin.clear();
  const wire = await Wire.open(port);
  const pieces = piecesOf(test);
  const last = pieces.pop() as string;
  await wire.send([...pieces, last + probe(POISON)]);
  const closed = await wire.closed();
  wire.destroy();
  const reached = (await settled(subject, [])).filter(({ line }) => line.includes(POISON));
  return [
    ...(closed ? [] : ['the connection stays open']),
    ...reached.map(({ line }) => `the request behind the refused one reached the upstream: ${line}`),
  ];
}

/** Reads the answers that a case expects, and judges them. */
export async function readAnswers(wire: Wire, { expect, gateway = 'plain' }: Case): Promise<string[]> {
  const complaints: string[] = [];
  for (const [at, expected] of expect.answers.entries()) {
    const answer = await wire.answer(expected.head);
    if (answer === null && at === expect.answers.length - 1 && expect.orClosed) return [];
    complaints.push(...checkAnswer(answer, expected, gateway).map((text) => `answer ${at + 1}: ${text}`));
    if (answer === null || expected.broken) break;
  }
  return complaints;
}

/** The connection is in step: one more request on it is answered. */
async function follow(wire: Wire): Promise<string[]> {
  if (wire.rest !== '') return [`unasked bytes: ${JSON.stringify(wire.rest.slice(0, 200))}`];
  await wire.send([probe(AFTER)]);
  const answer = await wire.answer();
  return answer?.status === 200
    ? []
    : [`a further request met ${answer === null ? 'a closed connection' : answer.status}`];
}

/**
 * What reached the upstream when all of it is there: a request sent afterwards has come through the same engine, and what
 * was expected to break off has done so.
 */
export async function settled(
  { port, origin }: Subject,
  expected: readonly ExpectedRequest[],
  allBreak = false,
): Promise<Reached[]> {
  const wire = await Wire.open(port);
  await wire.send([probe(BARRIER)]);
  await wire.answer();
  wire.destroy();
  const breaks = new Set(expected.filter(({ broken }) => broken).map(({ line }) => line));
  const others = (): Reached[] => origin.reached.filter(({ line }) => line !== `GET ${BARRIER}`);
  const isSettled = (): boolean =>
    others().length >= expected.length &&
    others().every(({ line, complete, ended }) => complete || ended || !(allBreak || breaks.has(line)));
  for (let waited = 0; waited < 1000 && !isSettled(); waited += 5) await pause(5);
  return others();
}
