// What is written to a uWebSockets.js response, corked; it keeps no state between two calls and decides nothing.
import type { UwsResponse } from './uws-library.ts';

const NOTHING = new Uint8Array(0);

/** `sized`: the answer is complete. */
export const DONE = -1;
/** `sized`: everything was taken. */
export const ALL = -2;

// What the writer inside `cork` acts on: a closure per answer would be an allocation per request.
let out: UwsResponse;
let outHead: Uint8Array;
let outBody: Uint8Array | string;
let outClose: boolean;
let outLength: number;
let outOk: boolean;
let outWritten: number;

const writeWhole = (): void => {
  out.writeStatus(outHead).end(outBody, outClose);
};
// endWithoutBody(length) leaves the response pending, hence the header.
const writeEmpty = (): void => {
  out.writeStatus(outHead);
  if (outLength >= 0) out.writeHeader('Content-Length', String(outLength));
  out.endWithoutBody();
};
const writeOpen = (): void => {
  out.writeStatus(outHead);
  // end(…, true) would write this field into a body that has begun.
  if (outClose) out.writeHeader('Connection', 'close');
  if (outLength > 0) out.tryEnd(NOTHING, outLength);
};
const writeHeadOnly = (): void => {
  out.writeStatus(outHead);
};
const writeChunk = (): void => {
  outOk = out.write(outBody as Uint8Array);
};
const writeLast = (): void => {
  out.end(outBody);
};
const writeSized = (): void => {
  const before = out.getWriteOffset();
  const [ok, done] = out.tryEnd(outBody as Uint8Array, outLength);
  outWritten = done ? DONE : ok ? ALL : out.getWriteOffset() - before;
};

/** A whole answer; `isCorked` inside the request callback. */
export function whole(
  res: UwsResponse,
  head: Uint8Array,
  body: Uint8Array | string,
  close: boolean,
  isCorked: boolean,
): void {
  out = res;
  outHead = head;
  outBody = body;
  outClose = close;
  if (isCorked) writeWhole();
  else res.cork(writeWhole);
}

/** An answer without a body, `length` reported if not -1. */
export function empty(res: UwsResponse, head: Uint8Array, length: number): void {
  out = res;
  outHead = head;
  outLength = length;
  res.cork(writeEmpty);
}

/** The head of an answer whose body follows: `length` bytes, or chunked with -1. */
export function begin(res: UwsResponse, head: Uint8Array, length: number, close: boolean): void {
  out = res;
  outHead = head;
  outLength = length;
  outClose = close;
  res.cork(writeOpen);
}

/** A head that is never ended. */
export function headOnly(res: UwsResponse, head: Uint8Array): void {
  out = res;
  outHead = head;
  res.cork(writeHeadOnly);
}

/** A piece of a chunked body; false: the client takes no more for now. */
export function chunk(res: UwsResponse, data: Uint8Array): boolean {
  out = res;
  outBody = data;
  res.cork(writeChunk);
  return outOk;
}

/** The last piece of a chunked body. */
export function last(res: UwsResponse, data: Uint8Array): void {
  out = res;
  outBody = data;
  res.cork(writeLast);
}

/** A piece of a body of `total` bytes: `DONE`, `ALL`, or how many bytes of it were taken. */
export function sized(res: UwsResponse, data: Uint8Array, total: number): number {
  out = res;
  outBody = data;
  outLength = total;
  res.cork(writeSized);
  return outWritten;
}
