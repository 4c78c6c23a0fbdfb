// What callers may deny: each request as an entry, and every mistake by its name.
import { describe, expect, it } from 'vitest';
import { type DenyRequest, deniedName, denyEntry, fieldOf, nameOf } from '../../src/denylist/entry.ts';

const defaults = { keepSeconds: 60, skewSeconds: 30, now: 1_000_500 };
const issuer = 'main';

describe('an entry', () => {
  it.each<[DenyRequest, object]>([
    [
      { issuer, jti: 'a' },
      { by: 'jti', value: 'a', until: 1091, issuedBefore: 0 },
    ],
    [
      { issuer, jti: 'a', until: 2000 },
      { by: 'jti', value: 'a', until: 2030, issuedBefore: 0 },
    ],
    [
      { issuer, jti: 'a', until: new Date(2_000_001) },
      { by: 'jti', value: 'a', until: 2031, issuedBefore: 0 },
    ],
    [
      { issuer, session: 's', until: 0 },
      { by: 'session', value: 's', until: 30, issuedBefore: 0 },
    ],
    [
      { issuer, subject: 'u' },
      { by: 'subject', value: 'u', until: 1091, issuedBefore: 1001 },
    ],
    [
      { issuer, subject: 'u', issuedBefore: 7.2 },
      { by: 'subject', value: 'u', until: 1091, issuedBefore: 8 },
    ],
    [
      { issuer, subject: 'u', issuedBefore: new Date(9000), until: 2000 },
      { by: 'subject', value: 'u', until: 2030, issuedBefore: 9 },
    ],
  ])('%j', (request, entry) => {
    expect(denyEntry(request, defaults)).toEqual(entry);
  });
});

describe('a mistake', () => {
  it.each([
    [{}, 'expected exactly one of "jti", "subject" and "session"'],
    [{ jti: 'a', session: 'b' }, 'expected exactly one of "jti", "subject" and "session"'],
    [{ jti: '' }, 'jti: expected a text of 1 to 1024 bytes'],
    [{ jti: 7 }, 'jti: expected a text of 1 to 1024 bytes'],
    [{ jti: null }, 'jti: expected a text of 1 to 1024 bytes'],
    [{ session: 'é'.repeat(513) }, 'session: expected a text of 1 to 1024 bytes'],
    [{ subject: 'a\ud800' }, 'subject: expected a text of 1 to 1024 bytes'],
    [{ jti: 'a', until: Number.NaN }, 'until: expected a Date or seconds since 1970'],
    [{ jti: 'a', until: Date.now() * 1000 }, 'until: expected a Date or seconds since 1970'],
    [{ jti: 'a', until: new Date('no') }, 'until: expected a Date or seconds since 1970'],
    [{ jti: 'a', until: '2030' }, 'until: expected a Date or seconds since 1970'],
    [{ subject: 'a', issuedBefore: -1 }, 'issuedBefore: expected a Date or seconds since 1970'],
    [{ jti: 'a', issuedBefore: 1 }, 'issuedBefore: expected nothing without a "subject"'],
  ])('%j', (request, message) => {
    const call = (): unknown => denyEntry({ issuer, ...request } as unknown as DenyRequest, defaults);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_FG_CONFIG_INVALID', message }));
  });
});

it('a field is a name and back', () => {
  for (const name of [
    { by: 'jti', value: 'a:b' },
    { by: 'session', value: '@epoch' },
    { by: 'subject', value: 'jti:ü' },
  ] as const)
    expect(nameOf(fieldOf(name))).toEqual(name);
  expect(nameOf('@epoch')).toBeUndefined();
  expect(nameOf('newer:kind')).toBeUndefined();
  expect(deniedName({ issuer, jti: 'x' })).toEqual({ by: 'jti', value: 'x' });
});
