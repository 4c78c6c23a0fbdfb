// The kept inputs: one text file a target, one input a line as a JSON string with one character a byte, so that a
// difference can be read. libFuzzer and cargo-fuzz want a folder of files: that is made from it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const corpora = fileURLToPath(new URL('corpus/', import.meta.url));
const seeds = fileURLToPath(new URL('seeds/', import.meta.url));

/** The folder of a target's inputs; what was found there before stays. */
export const folderOf = (target) => `${corpora}${target}/`;

/** Writes seeds, which are never dropped, and kept inputs into the folder. */
export function unpack(target) {
  for (const file of [`${seeds}${target}.jsonl`, `${corpora}${target}.jsonl`]) {
    for (const input of read(file)) put(target, input);
  }
}

/** Adds the files of a folder. */
export function addFiles(target, folder) {
  for (const name of readdirSync(folder)) put(target, readFileSync(`${folder}/${name}`));
}

/** Keeps the inputs of a folder, but for the seeds; returns how many. */
export function pack(target, folder) {
  const known = new Set(read(`${seeds}${target}.jsonl`).map((input) => input.toString('latin1')));
  const texts = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'latin1'));
  const kept = [...new Set(texts)].filter((text) => !known.has(text));
  kept.sort((one, other) => one.length - other.length || (one < other ? -1 : 1));
  writeFileSync(`${corpora}${target}.jsonl`, kept.map((text) => `${line(text)}\n`).join(''));
  return kept.length;
}

/** One input as a line of a kept file. */
export function line(text) {
  return JSON.stringify(text).replace(
    /[\u007f-\u00ff]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  );
}

function read(file) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((text) => text !== '').map((text) => Buffer.from(JSON.parse(text), 'latin1'));
}

function put(target, input) {
  mkdirSync(folderOf(target), { recursive: true });
  writeFileSync(`${folderOf(target)}${createHash('sha1').update(input).digest('hex')}`, input);
}
