// The rules of ARCHITECTURE.md that a machine can check: who may import whom, who alone may touch what, and the size of files.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  anywhere,
  longFiles,
  longFunctions,
  MAX_FUNCTION,
  rustModules,
  typescriptAreas,
} from './architecture-tables.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Source {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const sources = (folder: string, ending: RegExp): Source[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/node_modules|^bench\/runs|^bench\/instructions\/target/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

const typescript = sources('src', /\.ts$/);
const rust = sources('native', /\.rs$/);
const isRustTest = ({ path }: Source): boolean =>
  /(?:^|\/)tests?(?:\/|\.rs$)|_tests\.rs$|^native\/testing/.test(path);
const rustCode = rust.filter((file) => !isRustTest(file));

test('the readers of this file see imports, uses and long functions', () => {
  expect(
    importsOf("import { a } from './a.ts';\nexport * from './b.ts';\nawait import('c');\nimport './d.ts';"),
  ).toEqual(['./a.ts', './b.ts', 'c', './d.ts']);
  expect(
    usesOf(
      'use crate::h1::{self, Fields};\nlet a = crate::core::b();\n// crate::jwt\nuse crate::{limit, time::Nanos};',
    ),
  ).toEqual(['h1', 'core', 'limit', 'time']);
  const long = `  fn long(\n  ) {\n${'    a();\n'.repeat(MAX_FUNCTION)}  }\n`;
  expect(longIn({ path: 'a.rs', text: long })).toEqual([`a.rs long: ${MAX_FUNCTION + 3}`]);
  expect([typescript.length > 50, rustCode.length > 50]).toEqual([true, true]);
});

test('TypeScript: every area imports only what it may', () => {
  const breaches = typescript.flatMap(({ path, text }) => {
    const area = areaOf(path);
    const may = typescriptAreas[area];
    if (may === undefined) return [`${path}: the area ${area} is not in the table`];
    return importsOf(text)
      .filter((name) => name.startsWith('.'))
      .map((name) => areaOf(join(dirname(path), name)))
      .filter((other) => other !== area && !may.includes(other))
      .map((other) => `${path} imports ${other}`);
  });
  expect(breaches).toEqual([]);
});

test('Rust: every module uses only what it may', () => {
  const breaches = rustCode.flatMap(({ path, text }) => {
    const module = moduleOf(path);
    const may = rustModules[module];
    if (may === undefined) return [`${path}: the module ${module} is not in the table`];
    return usesOf(text)
      .filter(
        (other) => other in rustModules && other !== module && !anywhere.has(other) && !may.includes(other),
      )
      .map((other) => `${path} uses ${other}`);
  });
  expect(breaches).toEqual([]);
});

const onlyIn = (files: readonly Source[], pattern: RegExp, where: RegExp): string[] =>
  files
    .filter(({ path, text }) => pattern.test(withoutComments(text)) && !where.test(path))
    .map(({ path }) => path);

test('one file each knows uWebSockets.js and the addon', () => {
  expect(
    onlyIn(
      typescript,
      /import\('uWebSockets\.js'\)|from 'uWebSockets\.js'/,
      /^src\/listener\/uws(?:-library)?\.ts$/,
    ),
  ).toEqual([]);
  expect(typescript.filter(({ text }) => /import\('uWebSockets\.js'\)/.test(text)).length).toBe(1);
  expect(onlyIn(typescript, /addon\.cjs|\.node['"`]|createRequire/, /^src\/native\/binding\.ts$/)).toEqual(
    [],
  );
});

test('Node and unsafe stand in native/binding alone, and each unsafe has its promise', () => {
  expect(onlyIn(rustCode, /\bnapi\b(?!\w)(?!")/, /^native\/(?:binding\/|lib\.rs$)/)).toEqual([]);
  expect(onlyIn(rust, /\bunsafe\b/, /^native\/binding\//)).toEqual([]);
  const unexplained = rust.flatMap(({ path, text }) => {
    const lines = text.split('\n');
    return lines.flatMap((line, at) => {
      if (!/\bunsafe\s*(?:\{|impl)/.test(line.replace(/\/\/.*/, ''))) return [];
      return lines.slice(Math.max(0, at - 6), at + 1).some((near) => near.includes('SAFETY:'))
        ? []
        : [`${path}:${at + 1}`];
    });
  });
  expect(unexplained).toEqual([]);
});

test('policies and codec know no socket, and clocks are read in few places', () => {
  const pure = /^native\/(?:h1|ws|router|limit|jwt|access|respond|snapshot|decide|tls\/)/;
  const socket = /\bmio\b|\bTcp(?:Stream|Listener)\b|\bUdpSocket\b|\bstd::(?:net::\{[^}]*Tcp|fs|thread)/;
  expect(
    rustCode
      .filter(({ path, text }) => pure.test(path) && socket.test(withoutComments(text)))
      .map(({ path }) => path),
  ).toEqual([]);
  expect(
    onlyIn(
      rustCode,
      /\b(?:Instant|SystemTime)::now\b/,
      /^native\/(?:engine\/clock\.rs|binding\/|remote\/(?:store|worker)\.rs)/,
    ),
  ).toEqual([]);
});

const written = [
  ...typescript,
  ...rust,
  ...sources('test', /\.(?:ts|mjs)$/),
  ...sources('bench', /\.(?:ts|mjs|rs)$/),
];

test('files are short', () => {
  const limit = (path: string): number =>
    path.endsWith('.rs') ? 400 : /^test\/conformance\/cases\//.test(path) ? 600 : 300;
  const long = written.filter(
    ({ path, text }) => text.split('\n').length - 1 > limit(path) && longFiles[path] === undefined,
  );
  expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length - 1}`)).toEqual([]);
});

test('a file begins by saying what it is for', () => {
  const silent = written.filter((file) => !isTest(file) && headOf(file.text).split(/\s+/).length < 6);
  expect(silent.map(({ path }) => path)).toEqual([]);
});

test('functions are short', () => {
  const code = written.filter((file) => !isTest(file));
  expect(
    code.flatMap(longIn).filter((found) => longFunctions[found.replace(/:.*/, '')] === undefined),
  ).toEqual([]);
});

test('docs/limits.md tells the bounds that the code has', () => {
  const page = readFileSync(join(root, 'docs/limits.md'), 'utf8');
  const rows = [
    ...page.matchAll(/^\| [^|]+ \| ([\d,]+)(?: (bytes|KiB|MiB|s))? \| `(\w+)` in `([^`]+)` \|/gm),
  ];
  expect(rows.length).toBeGreaterThan(30);
  const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024 };
  const wrong = rows.filter(([, number = '', unit = '', name = '', path = '']) => {
    const told = Number(number.replaceAll(',', '')) * (units[unit] ?? 1);
    return ![told, told * 1000].includes(constantOf(path, name));
  });
  expect(wrong.map(([row]) => row)).toEqual([]);
});

/** A test says in its names what it is for, and its `describe` is as long as it is. */
function isTest(file: Source): boolean {
  return /\.test\.ts$/.test(file.path) || isRustTest(file) || /^bench\/.*\.rs$/.test(file.path);
}

function areaOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function moduleOf(path: string): string {
  return areaOf(path).replace(/\.rs$/, '');
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom|^import|\bimport\()\s*'([^']+)'/gm)].map(([, name]) => name as string);
}

/** Modules that a Rust text names as `crate::…`, each once. */
function usesOf(text: string): string[] {
  const found = withoutComments(text).matchAll(/\bcrate::(?:\{([^}]*)\}|(\w+))/g);
  return [
    ...new Set([...found].flatMap(([, list, one]) => (list ?? one ?? '').match(/(?<!::)\b[a-z]\w*/g) ?? [])),
  ];
}

/** Also takes lint settings and strings out, which may name what they forbid. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(/^#!?\[(?:forbid|deny|allow|cfg)\(.*$/gm, '');
}

/** The value of a constant that is a product, a power of two or a number of seconds; NaN when it is not there. */
function constantOf(path: string, name: string): number {
  const text = readFileSync(join(root, path), 'utf8');
  const value =
    new RegExp(`const ${name}(?:: [^=]+)? = (?:Nanos::from_secs\\()?([\\d_ *<]+)\\)?;`).exec(text)?.[1] ??
    'NaN';
  const [left = '', shift = '0'] = value.replaceAll('_', '').split('<<');
  return left.split('*').reduce((product, factor) => product * Number(factor), 1) * 2 ** Number(shift);
}

/** The comment at the start. */
function headOf(text: string): string {
  return /^(?:#!.*\n)?(?:\/\/.*\n)*/.exec(text)?.[0] ?? '';
}

/** `path name: lines` of every function that is too long. The code is formatted: a function ends where its indentation returns. */
function longIn({ path, text }: Source): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const name = functionName(path, line);
    if (name === null || line.endsWith(';')) return [];
    const indent = /^\s*/.exec(line)?.[0] ?? '';
    const end = lines.findIndex((other, index) => index > at && other.startsWith(`${indent}}`));
    const length = end - at + 1;
    return length > MAX_FUNCTION ? [`${path} ${name}: ${length}`] : [];
  });
}

function functionName(path: string, line: string): string | null {
  const pattern = path.endsWith('.rs')
    ? /^\s*(?:pub(?:\([a-z]+\))? )?(?:const |async |unsafe |extern "C" )*fn (\w+)/
    : /^\s*(?:export )?(?:default )?(?:async )?function (\w+)|^ {2}(?:override |static |async |get |set )*(#?\w+)\([^)]*\)(?:: .*)? \{$/;
  const found = pattern.exec(line);
  return found === null ? null : (found[1] ?? found[2] ?? null);
}
