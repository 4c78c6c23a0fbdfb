// JSON with and without comments against JSON.parse, and what is refused where.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonSyntaxError, parseJson } from '../../src/config/jsonc.ts';

function failure(text: string, comments: boolean): string {
  try {
    parseJson(text, comments);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return `${error.line}:${error.column} ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('JSON', () => {
  it.each([
    ['// a\n{"a": 1} // b', { a: 1 }],
    ['{"a": /* "b": 2, */ 1}', { a: 1 }],
    ['{"url": "http://x/*y*/"}', { url: 'http://x/*y*/' }],
    ['{"a": "\\"//", "b": "\\\\"} // c', { a: '"//', b: '\\' }],
    ['{"a": [1, 2, ], }', { a: [1, 2] }],
    ['{"a": [1, 2, /* x */ ], // y\n }', { a: [1, 2] }],
    ['{"a": [1 /* x */, // y\n ] /* z */, }', { a: [1] }],
    ['{"a": {"b": 1}, "b": ["a", "a"], "c": {"b": "b"}}', { a: { b: 1 }, b: ['a', 'a'], c: { b: 'b' } }],
    ['/**/[/***/]', []],
  ])('with comments: %j', (text, value) => expect(parseJson(text, true)).toEqual(value));

  it.each([
    ['{"a": 1} // b', false, '1:10 "/": only .jsonc files may hold comments'],
    ['{"a": 1,}', false, '1:9 "}"'],
    ['[1,]', false, '1:4 "]"'],
    ['[,]', true, '1:2 ","'],
    ['[1,,]', true, '1:4 ","'],
    ['{\n  "a": 1\n  "b": 2}', false, '3:3 "\\""'],
    ['{"a": ', false, '1:7 the end of the text'],
    ['', false, '1:1 the end of the text'],
    ['{a: 1}', true, '1:2 "a"'],
    ["{'a': 1}", true, '1:2 "\'"'],
    ['{"a": 1, "b": {"c": 1,\n "c" : 2}}', false, '2:2 the name "c" twice'],
    ['{"a": 1, "\\u0061": 2}', true, '1:10 the name "a" twice'],
    ['{"__proto__": 1, "__proto__": 2}', true, '1:18 the name "__proto__" twice'],
    ['{"a": 1} /* b', true, '1:10 a comment that does not end'],
    ['{"a": tru /* x */ e}', true, '1:7 "t"'],
    ['[01]', false, '1:2 "0"'],
    ['["\\x"]', false, '1:2 a string with a bad escape or a control character'],
    ['["\n"]', false, '1:2 a string with a bad escape or a control character'],
    ['1 2', false, '1:3 "2"'],
    ['['.repeat(65), false, '1:66 more than 64 levels'],
  ])('%j is refused', (text, comments, message) => expect(failure(text, comments)).toBe(message));

  it('reads whatever JSON.parse reads, in any layout', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ noUnicodeString: false }),
        fc.constantFrom(0, 2),
        fc.boolean(),
        (value, indent, comments) => {
          const text = JSON.stringify(value, null, indent);
          expect(parseJson(text, comments)).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it('does not care for comments between any two tokens', () => {
    const comment = fc.constantFrom('', '/*x*/', '// "\n', '/* } */');
    fc.assert(
      fc.property(fc.array(comment, { minLength: 9, maxLength: 9 }), (between) => {
        const tokens = ['{', '"a"', ':', '[', '"//"', ',', ']', '}'];
        const text = tokens.map((token, index) => `${between[index]}${token}`).join('') + between[8];
        expect(parseJson(text, true)).toEqual({ a: ['//'] });
      }),
    );
  });
});
