// What the soak sends as malformed is what the conformance table refuses on its head; `vitest -u` writes the file anew when the table changes.
import { expect, test } from 'vitest';
import type { Case } from '../conformance/case.ts';
import { cases } from '../conformance/cases/index.ts';
import { KEY, TOKEN } from '../conformance/gateways.ts';
import nativeGaps from '../conformance/native-gaps.json' with { type: 'json' };
import uwsGaps from '../conformance/uws-gaps.json' with { type: 'json' };

type Gaps = Readonly<Record<string, { readonly seen: string } | undefined>>;

/** Longer ones would only make the file long. */
const MAX_BYTES = 2000;
const codes = ['malformed_request', 'headers_too_large'];

/** One request that is refused on its head, closed, and answered once whatever comes behind it. */
function isTaken({ send, ends, timed, expect: { answers, closes, reaches, orClosed } }: Case): boolean {
  const [first, ...more] = answers;
  const isPlain = typeof send === 'string' && send.length <= MAX_BYTES && !ends && !timed && !orClosed;
  const isRefused = closes && reaches.length === 0 && more.length === 0 && codes.includes(first?.code ?? '');
  return isPlain && isRefused && ![TOKEN, KEY].some((mark) => send.includes(mark));
}

/** What uWebSockets.js makes of it: `ours`, the status of its own page, or null for what the soak does not ask it. */
function byLibrary({ name, gateway }: Case): 'ours' | number | null {
  const gap = (uwsGaps as Gaps)[name];
  if (gap === undefined) return gateway === 'chunked' ? null : 'ours';
  const status = /^(\d{3}) HTML, closed$/.exec(gap.seen)?.[1];
  return status === undefined ? null : Number(status);
}

test('the malformed requests of the soak', async () => {
  const lines = cases.filter(isTaken).map((one) => {
    const statuses = one.expect.answers.flatMap(({ status }) => status);
    const native = (nativeGaps as Gaps)[one.name] === undefined;
    const own = {
      name: one.name,
      send: one.send,
      statuses,
      codes: [one.expect.answers[0]?.code],
      native,
      uws: byLibrary(one),
    };
    return `${JSON.stringify(own)}\n`;
  });
  expect(lines.length).toBeGreaterThan(50);
  await expect(lines.join('')).toMatchFileSnapshot('../../bench/soak/malformed.ndjson');
});
