// What is refused of `overload`, each with the whole line that says so.
import { describe, expect, it } from 'vitest';
import { wrong } from './support.ts';

describe('overload', () => {
  it.each<[unknown, string[]]>([
    [{ overload: true }, ['overload: expected an object or false, received true']],
    [
      { overload: { maxInFlight: 0 } },
      ['overload.maxInFlight: expected an integer from 1 to 1048576, or null, received 0'],
    ],
    ...['0%', '101%', '08%', '1kb', 'all'].map((maxMemory): [unknown, string[]] => [
      { overload: { maxMemory } },
      [
        `overload.maxMemory: expected a share of the memory from "1%" to "100%", a size from "16mb" to "1024gb", or null, received ${JSON.stringify(maxMemory)}`,
      ],
    ]),
    [{ overload: { stopAt: 0.9 } }, ['overload.stopAt: expected a number from 1 to 10, received 0.9']],
    [
      { overload: { shedAt: 0.2, hysteresis: 0.2 } },
      ['overload.hysteresis: expected less than "shedAt", received 0.2'],
    ],
    [
      { overload: { retryAfter: '1500ms' } },
      ['overload.retryAfter: expected a duration of whole seconds from "1s" to "1h", received "1500ms"'],
    ],
  ])('%j', (input, lines) => expect(wrong(input)).toEqual(lines));
});
