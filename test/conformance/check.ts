// Judges what came of a case: the answers, and what reached the upstream. Each function returns its complaints; none means all is well.
import type { ExpectedAnswer, ExpectedRequest, GatewayName } from './case.ts';
import type { Reached } from './origin.ts';
import type { Answer } from './wire.ts';

type Fields = readonly (readonly [name: string, value: string])[];

/** The value of the only field of this name; null without one. */
export function fieldValue(fields: Fields, name: string): string | null {
  const values = fields.filter((field) => field[0].toLowerCase() === name).map((field) => field[1]);
  return values.length === 0 ? null : values.join(' & ');
}

export function checkAnswer(answer: Answer | null, expected: ExpectedAnswer, gateway: GatewayName): string[] {
  if (answer === null) return [`expected ${String(expected.status)}, closed without it`];
  const complaints: string[] = [];
  const statuses = [expected.status].flat();
  if (!statuses.includes(answer.status))
    complaints.push(
      `expected ${statuses.join(' or ')}, received ${answer.status} ${answer.body.slice(0, 200)}`,
    );
  if (answer.complete === (expected.broken === true))
    complaints.push(answer.complete ? 'a whole body, expected a broken one' : 'a broken body');
  if (expected.first && answer.interim > 0) complaints.push('an interim answer came first');
  complaints.push(...checkFields('answer', answer.fields, expected.fields));
  if (expected.body !== undefined && !fits(answer.body, expected.body))
    complaints.push(`body ${JSON.stringify(answer.body.slice(0, 200))}, expected ${String(expected.body)}`);
  complaints.push(...checkOwnFields(answer));
  if (expected.code !== undefined) complaints.push(...checkError(answer, expected, gateway));
  return complaints;
}

/** What every answer carries. */
function checkOwnFields({ fields, status }: Answer): string[] {
  const complaints: string[] = [];
  if (!/^[0-9a-f]{32}$/.test(fieldValue(fields, 'x-trace-id') ?? '')) complaints.push('no X-Trace-ID');
  if (!/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(fieldValue(fields, 'date') ?? ''))
    complaints.push('no Date');
  const framing = fields.filter(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name));
  if (framing.length > 1) complaints.push(`framed twice: ${framing.map(String).join('; ')}`);
  if (status === 204 && framing.length > 0) complaints.push('a framing field in a 204');
  if (fields.some(([name]) => name.toLowerCase() === 'x-injected')) complaints.push('an injected field');
  return complaints;
}

/** The form of errors: RFC 9457 or the envelope, whole, with the trace id of the answer. */
function checkError(answer: Answer, expected: ExpectedAnswer, gateway: GatewayName): string[] {
  if (expected.head) return [];
  const isEnvelope = gateway === 'envelope';
  const type = isEnvelope ? 'application/json' : 'application/problem+json';
  const complaints = checkFields('answer', answer.fields, { 'content-type': type });
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(answer.body) as Record<string, unknown>;
  } catch {
    return [...complaints, `not JSON: ${answer.body.slice(0, 100)}`];
  }
  const needed = isEnvelope
    ? ['code', 'message', 'data', 'traceId']
    : ['type', 'title', 'status', 'detail', 'code', 'traceId'];
  const missing = needed.filter((member) => !(member in body));
  if (missing.length > 0) complaints.push(`the error body lacks ${missing.join(', ')}`);
  if (body['code'] !== expected.code)
    complaints.push(`code ${String(body['code'])}, expected ${expected.code}`);
  if (body['traceId'] !== fieldValue(answer.fields, 'x-trace-id'))
    complaints.push('traceId is not X-Trace-ID');
  if (!isEnvelope && body['status'] !== answer.status)
    complaints.push('status of the body is not that of the answer');
  return complaints;
}

/** Exactly the expected requests, in any order, each well-formed. */
export function checkReached(
  reached: readonly Reached[],
  expected: readonly ExpectedRequest[] | 'broken',
): string[] {
  if (expected === 'broken')
    return reached
      .filter(({ complete, ended }) => complete || !ended)
      .map(({ line }) => `the upstream took ${line} for whole`);
  const complaints: string[] = [];
  const left = [...reached];
  for (const wanted of expected) {
    const at = left.findIndex((request) => request.line === wanted.line);
    const [request] = at < 0 ? [] : left.splice(at, 1);
    if (request === undefined) complaints.push(`the upstream did not see ${wanted.line}`);
    else complaints.push(...checkRequest(request, wanted));
  }
  for (const request of left)
    complaints.push(`the upstream saw ${request.line} ${JSON.stringify(request.body.slice(0, 80))}`);
  return complaints;
}

function checkRequest(request: Reached, wanted: ExpectedRequest): string[] {
  const complaints = request.faults.map((fault) => `the upstream saw ${fault}`);
  complaints.push(...checkFields('upstream', request.fields, wanted.fields));
  if (request.complete === (wanted.broken === true))
    complaints.push(
      request.complete ? 'the upstream saw a whole request' : 'the upstream saw a part of a request',
    );
  if (wanted.broken && !request.ended) complaints.push('the connection to the upstream stayed open');
  if (wanted.body !== undefined && request.body !== wanted.body)
    complaints.push(`the upstream saw the body ${JSON.stringify(request.body.slice(0, 80))}`);
  return complaints;
}

function checkFields(where: string, fields: Fields, expected: ExpectedAnswer['fields'] = {}): string[] {
  return Object.entries(expected).flatMap(([name, wanted]) => {
    const value = fieldValue(fields, name);
    const isRight = wanted === null || value === null ? value === wanted : fits(value, wanted);
    return isRight ? [] : [`${where}: ${name} is ${JSON.stringify(value)}, expected ${String(wanted)}`];
  });
}

function fits(text: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? text === wanted : wanted.test(text);
}
