// A forwarded request costs the JavaScript heap only the strings that uWebSockets.js hands over, and leaves nothing behind.
import { expect, test } from 'vitest';
import { measureHeap } from '../../bench/heap/measure.mjs';

/**
 * Bytes a request with 4 header fields and a token of 530 bytes; 2,085 were measured, of which 2,080 are the listener's strings.
 * Another Node may make other strings, hence the room.
 */
const MAX_BYTES = 2_400;
/** Beyond what a bare handler allocates that reads the same facts: room for noise, not for an object a request. */
const MAX_OWN_BYTES = 64;
/** Of the collected heap, a request: one forgotten object is 16 bytes or more. */
const MAX_GROWTH = 4;

test('heap of a forwarded request', { timeout: 120_000 }, async () => {
  const { reading, forward, growth } = await measureHeap(80_000);
  expect(forward).toBeLessThan(MAX_BYTES);
  expect(forward - reading).toBeLessThan(MAX_OWN_BYTES);
  expect(growth).toBeLessThan(MAX_GROWTH);
});
