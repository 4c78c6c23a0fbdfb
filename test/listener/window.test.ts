// The views of the shared memory: of the length that is asked for, used again, and bounded in number.
import { expect, it } from 'vitest';
import { Window } from '../../src/listener/window.ts';
import { WINDOW_BODY, WINDOW_HEAD } from '../../src/native/layout.ts';

it.each([
  ['head', WINDOW_HEAD],
  ['body', WINDOW_BODY],
] as const)('gives the first bytes of the %s', (part, start) => {
  const window = new Window();
  for (const length of [0, 1, 1023, 1024, 1, 1025, 2048, 0]) {
    const view = window[part](length);
    expect([view.byteOffset, view.byteLength, view.buffer]).toEqual([start, length, window.memory]);
    expect(window[part](length)).toBe(view);
  }
});

it('keeps no view for each length', () => {
  const window = new Window();
  const seen = new Set(Array.from({ length: 4096 }, (_, length) => window.body(length)));
  const kept = Array.from({ length: 4096 }, (_, length) => window.body(length)).filter((view) =>
    seen.has(view),
  );
  expect(kept.length).toBeLessThanOrEqual(1024);
});
