// Writes src/native/layout.ts from native/binding/layout.rs, the one description of the numbers that both sides share.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = new URL('../../', import.meta.url);
const source = new URL('native/binding/layout.rs', root);
const target = new URL('src/native/layout.ts', root);

/** The TypeScript text for a Rust text of `pub const NAME: u32|i32 = value;` lines and `///` comments. */
export function layoutText(rust) {
  const lines = ['// Generated from native/binding/layout.rs by `npm run generate`; do not edit.'];
  for (const line of rust.split('\n')) {
    const comment = /^\/\/\/ ?(.*)$/.exec(line);
    const constant = /^pub const ([A-Z_]+): [ui]32 = (-?[\d_]+);$/.exec(line);
    if (comment) lines.push(`/** ${comment[1]} */`);
    else if (constant)
      lines.push(`export const ${constant[1]} = ${Number(constant[2].replaceAll('_', ''))};`);
    else if (line !== '' && !line.startsWith('//!')) throw new Error(`layout.rs: not a constant: ${line}`);
    else if (line === '') lines.push('');
  }
  return `${lines
    .join('\n')
    .replaceAll(/\n{2,}/g, '\n\n')
    .trim()}\n`;
}

export const expected = () => layoutText(readFileSync(source, 'utf8'));

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(target, expected());
  process.stdout.write(`wrote ${fileURLToPath(target)}\n`);
}
