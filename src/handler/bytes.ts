// Bytes that a handler gives, as bytes that stay as they are while they are sent; it encodes no text.

/**
 * The bytes of `value` if it is made of bytes, else undefined. Memory that other threads can write is copied first:
 * what is counted, framed and sent must be the same bytes.
 */
export function bytesIn(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array)
    return value.buffer instanceof SharedArrayBuffer ? new Uint8Array(value) : value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value instanceof SharedArrayBuffer) return new Uint8Array(new Uint8Array(value));
  return undefined;
}
