// Spellings of /admin composed of pieces: whatever of them is forwarded, no server takes it for /admin, however loosely it reads.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { request } from './case.ts';
import { type Subject, startSubject } from './gateways.ts';
import { settled } from './run.ts';
import { Wire } from './wire.ts';

const RUNS = 600;

/** Decodes every escape of a text once, latin-1; what is none stays. */
const decoded = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

/** ASCII that old decoders read in UTF-8 of two to four bytes. */
const overlong = (text: string): string =>
  text.replace(/(?:[\xc0\xc1]|\xe0[\x80\x81]|\xf0\x80[\x80\x81])[\x80-\xbf]/g, (bytes) => {
    const [last, before] = [bytes.charCodeAt(bytes.length - 1), bytes.charCodeAt(bytes.length - 2)];
    return String.fromCharCode(((before & 1) << 6) | (last & 0x3f));
  });

/** What becomes of a path without its dot segments. */
function resolved(path: string, mergesSlashes: boolean): string {
  const kept: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && !(mergesSlashes && segment === '')) kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** Every path that some server may take a target for: it decodes none to four times, and each time in each of these ways. */
function readings(target: string): string[] {
  const found: string[] = [];
  let text = target.split('?')[0] as string;
  for (let round = 0; round < 5; round += 1) {
    for (const plain of [text, overlong(text)])
      for (const slashed of [plain, plain.replaceAll('\\', '/')])
        for (const bare of [slashed, slashed.replace(/;[^/]*/g, ''), slashed.split('\0')[0] as string])
          for (const merges of [false, true]) found.push(resolved(bare, merges).toLowerCase());
    text = overlong(decoded(text));
  }
  return found;
}

const isAdmin = (path: string): boolean => path === '/admin' || path.startsWith('/admin/');

/** `text`, or its escape, or the escape of that. */
const spelt = (...texts: string[]): fc.Arbitrary<string> =>
  fc.constantFrom(
    ...texts.flatMap((text) => [text, text, text.replaceAll('%', '%25'), text.replaceAll('%', '%2525')]),
  );

const dot = spelt('.', '.', '%2e', '%2E', '%c0%ae', '%e0%80%ae', '%f0%80%80%ae');
const separator = spelt(
  '/',
  '/',
  '/',
  '\\',
  '%2f',
  '%5C',
  '%c0%af',
  '%c1%9c',
  '//',
  '/./',
  ';/',
  ';a=b/',
  '%3b/',
  '%00/',
  '/;/',
);
const name = spelt('admin', 'admin', '%61dmin', 'adm%69n', 'ADMIN', '%61%64%6d%69%6e');
const start = fc.constantFrom(
  '/public',
  '/public',
  '/public/a',
  '/public/a/b',
  '/lenient',
  '/lenient/a',
  '/nowhere',
  '',
  '/admin',
  '/api',
);
const end = spelt('', '', '', '/', '/a', '/.', '/a/..', ';a', '?a', '%00', '%2f', '\\', '/..;/admin', '%20');
const climb = fc.tuple(separator, dot, dot).map((pieces) => pieces.join(''));
const spelling = fc
  .tuple(start, fc.array(climb, { maxLength: 3 }), separator, name, end)
  .map(([before, climbs, between, admin, behind]) => `${before}${climbs.join('')}${between}${admin}${behind}`)
  .filter((target) => target.startsWith('/'));

let subject: Subject;
beforeAll(async () => {
  subject = await startSubject('plain');
});
afterAll(() => subject.close());

test('the reading server finds /admin where it is', () => {
  for (const target of [
    '/admin',
    '/admin/a?b',
    '/ADMIN',
    '/admin;a',
    '//admin',
    '/public/../admin',
    '/public/..;a=b/admin',
    '/public/..\\admin',
    '/public/%2e%2e/admin',
    '/public/%252e%252e%252fadmin',
    '/public/%25252e%25252e/admin',
    '/public/%c0%ae%C0%AE/%61dmin',
    '/public/..%c0%afadmin',
    '/public/%e0%80%ae./admin',
    '/admin%00.png',
  ])
    expect([target, readings(target).some(isAdmin)]).toEqual([target, true]);
  for (const target of ['/public/admin', '/public/a?/../admin', '/public/.../admin', '/public/adminx', '/'])
    expect([target, readings(target).some(isAdmin)]).toEqual([target, false]);
});

test('no spelling of /admin is forwarded', async () => {
  const { origin, port } = subject;
  let meant = 0;
  let passed = 0;
  const property = fc.asyncProperty(spelling, async (target) => {
    if (readings(target).some(isAdmin)) meant += 1;
    const before = origin.reached.length;
    const wire = await Wire.open(port);
    await wire.send([request(`GET ${target}`)]);
    const answer = await wire.answer();
    wire.destroy();
    expect([200, 400, 401, 404]).toContain(answer?.status);
    if (answer?.status === 200) passed += 1;
    const lines = origin.reached.slice(before).map(({ line }) => line.replace('GET ', ''));
    expect(lines.filter((line) => readings(line).some(isAdmin))).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS });
  // What the upstream saw is what was answered by it; of a refused one it saw nothing, later neither.
  expect(await settled(subject, [])).toHaveLength(passed);
  // Most do mean /admin to some server, and some mean nothing bad and pass.
  expect(meant).toBeGreaterThan(RUNS / 2);
  expect(passed).toBeGreaterThan(0);
});
