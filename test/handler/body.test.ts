// The body of a request as it comes to a handler: whole whatever its pieces, and no dearer in small ones.
import { describe, expect, it } from 'vitest';
import { IncomingBody } from '../../src/handler/body.ts';

const make = (): { body: IncomingBody; stops: string[] } => {
  const stops: string[] = [];
  const flow = { pause: () => void stops.push('pause'), resume: () => void stops.push('resume') };
  return { body: new IncomingBody(flow, false), stops };
};

/** Bytes that differ from place to place. */
const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + at / 251) & 255);

function feed(body: IncomingBody, bytes: Uint8Array, size: (at: number) => number): void {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + size(at));
    body.push(bytes.subarray(at, end), end === bytes.length);
    at = end;
  }
}

describe('a request body', () => {
  it.each<[string, (at: number) => number]>([
    ['byte by byte', () => 1],
    ['in pieces of 7', () => 7],
    ['in pieces around the size that is joined', (at) => 4095 + (at % 3)],
    ['in small and large ones', (at) => (at % 2 === 0 ? 1 : 5000)],
    ['whole', () => 100_000],
  ])('%s is read whole, and its memory is its own', async (_, size) => {
    const bytes = pattern(50_000);
    const { body } = make();
    feed(body, bytes, size);
    const read = await body.bytes();
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(read.buffer.byteLength).toBe(bytes.length);
  });

  it('that is short and comes in two pieces has no more memory than bytes', async () => {
    const { body } = make();
    feed(body, pattern(12), () => 6);
    expect((await body.bytes()).buffer.byteLength).toBe(12);
  });

  it('byte by byte waits in few pieces', async () => {
    const { body, stops } = make();
    const bytes = pattern(65_536);
    feed(body, bytes, () => 1);
    const pieces: Uint8Array[] = [];
    for await (const piece of body.stream() as unknown as AsyncIterable<Uint8Array>) pieces.push(piece);
    expect(pieces.length).toBe(16);
    expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0);
    expect(stops).toEqual([]);
  });

  it('that was read so far is not touched by what comes later', async () => {
    const { body } = make();
    body.push(Uint8Array.of(1, 2), false);
    body.push(Uint8Array.of(3), false);
    const reader = body.stream().getReader();
    const { value: first } = await reader.read();
    body.push(Uint8Array.of(4), true);
    const { value: second } = await reader.read();
    expect([first, second].map((piece) => [...(piece ?? [])])).toEqual([[1, 2, 3], [4]]);
  });

  it('stops its client while much waits', async () => {
    const { body, stops } = make();
    body.push(pattern(65_537), false);
    expect(stops).toEqual(['pause']);
    body.push(new Uint8Array(0), true);
    await body.bytes();
    expect(stops).toEqual(['pause', 'resume']);
  });
});
