// Bytes of a handler: taken as they are, but for memory that other threads can write.
import { describe, expect, it } from 'vitest';
import { bytesIn } from '../../src/handler/bytes.ts';

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

function shared(content: string): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(content.length + 2), 1, content.length);
  view.set(Buffer.from(content));
  return view;
}

describe('bytes of a handler', () => {
  it('are not copied while they are its own', () => {
    const own = Buffer.from('own');
    expect(bytesIn(own)).toBe(own);
    expect(bytesIn(own.buffer)?.buffer).toBe(own.buffer);
  });

  it('in shared memory are copied, so that what is sent does not change any more', () => {
    const view = shared('first');
    const [part, whole] = [bytesIn(view), bytesIn(view.buffer)];
    view.fill(0x2a);
    expect(text(part)).toBe('first');
    expect(text(whole)).toBe('\0first\0');
    for (const copy of [part, whole]) expect(copy?.buffer).toBeInstanceOf(ArrayBuffer);
  });

  it('are nothing else', () => {
    for (const other of [null, undefined, 'text', 1, {}, [1], new DataView(new ArrayBuffer(1))])
      expect(bytesIn(other)).toBeUndefined();
  });
});
