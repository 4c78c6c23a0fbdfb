import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseSize } from '../../src/config/units.ts';

const durations = { ms: 1n, s: 1000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n };
const sizes = { b: 1n, kb: 1024n, mb: 1024n ** 2n, gb: 1024n ** 3n };

describe('durations and sizes', () => {
  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0ms', 0],
  ])('%s is %d ms', (text, value) => expect(parseDuration(text)).toBe(value));

  it.each([
    ['512b', 512],
    ['64kb', 65_536],
    ['1mb', 1_048_576],
    ['2gb', 2_147_483_648],
    ['0b', 0],
  ])('%s is %d bytes', (text, value) => expect(parseSize(text)).toBe(value));

  it.each([
    '',
    '1',
    's',
    '1 s',
    ' 1s',
    '1s ',
    '1S',
    '1.5s',
    '-1s',
    '+1s',
    '01s',
    '1e3s',
    '0x1s',
    '1sec',
    '١s',
    '1s\n',
    '9999999999999d',
  ])('%j is neither', (text) => {
    expect(parseDuration(text)).toBeUndefined();
    expect(parseSize(text.replace('s', 'kb'))).toBeUndefined();
  });

  it('agrees with exact arithmetic for every number and unit', () => {
    const number = fc.bigInt({ min: 0n, max: 999_999_999_999n });
    for (const [parse, units] of [
      [parseDuration, durations],
      [parseSize, sizes],
    ] as const) {
      const unit = fc.constantFrom(...Object.entries(units));
      fc.assert(
        fc.property(number, unit, (count, [name, factor]) => {
          const exact = count * factor;
          expect(parse(`${count}${name}`)).toBe(exact <= Number.MAX_SAFE_INTEGER ? Number(exact) : undefined);
        }),
      );
    }
  });

  it('takes no other text', () => {
    const number = /^(0|[1-9]\d{0,11})(ms|s|m|h|d|b|kb|mb|gb)$/;
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (number.test(text)) return;
        expect(parseDuration(text)).toBeUndefined();
        expect(parseSize(text)).toBeUndefined();
      }),
    );
  });
});
