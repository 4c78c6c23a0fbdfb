// Configuration files of every kind, good and bad.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig, toPlan } from '../../src/config/index.ts';
import { GatewayError } from '../../src/errors.ts';
import { readConfigFile } from '../../src/source/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferrogate-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function failure(path: string): Promise<{ code: string; message: string }> {
  const error: unknown = await readConfigFile(path).catch((thrown: unknown) => thrown);
  if (!(error instanceof GatewayError)) throw new Error('no GatewayError was thrown');
  return { code: error.code, message: error.message.replaceAll(folder, 'DIR') };
}

const json =
  '{ "service": "shop", "upstreams": { "a": { "targets": ["http://a"] } }, "routes": [{ "match": { "path": "/a" }, "upstream": "a" }] }';
const yaml = `
# the same
service: shop
upstreams:
  a: { targets: ["http://a"] }
routes:
  - match: { path: /a }
    upstream: a
`;

describe('a file', () => {
  it.each([
    ['a.json', json],
    ['bom.json', `\uFEFF${json}`],
    ['a.jsonc', `// the same\n${json.replace('] }', '], }')}`],
    ['a.yaml', yaml],
    ['a.yml', yaml],
    ['json.yaml', json],
    ['UPPER.JSON', json],
  ])('%s gives the configuration', async (name, text) => {
    const path = file(name, text);
    const read = await readConfigFile(path);
    expect(read).toEqual({ config: JSON.parse(json), files: [path] });
    expect(toPlan(parseConfig(read.config)).routes).toHaveLength(1);
  });

  it('names the files of its secrets from its own folder', async () => {
    const key = file('key.txt', 'secret\n');
    const path = file('refs.json', '{ "service": { "file": "key.txt" }, "via": { "file": "./key.txt" } }');
    const read = await readConfigFile(path);
    expect(read).toEqual({ config: { service: { file: key }, via: { file: key } }, files: [path, key] });
    const parsed = parseConfig(read.config);
    expect(parsed.base).toMatchObject({ service: 'secret', via: 'secret' });
    expect(parsed.files).toEqual([key, key]);
  });

  it.each([
    ['./handlers.js', join(folder, 'handlers.js')],
    ['../handlers.js', join(folder, '../handlers.js')],
    ['/srv/handlers.js', '/srv/handlers.js'],
    ['file:///srv/handlers.js', 'file:///srv/handlers.js'],
    ['$' + '{DIR}/handlers.js', '$' + '{DIR}/handlers.js'],
    ['', ''],
    [1, 1],
  ])('finds the module of handlers %j from its own folder', async (handlers, found) => {
    const path = file('handlers.json', JSON.stringify({ listen: { handlers, port: 1 } }));
    expect((await readConfigFile(path)).config).toEqual({ listen: { handlers: found, port: 1 } });
  });

  it.each([
    ['bad.json', '{ "a": 1, }', 'DIR/bad.json:1:11: expected JSON, received "}"'],
    [
      'comment.json',
      '{\n// a\n}',
      'DIR/comment.json:2:1: expected JSON, received "/": only .jsonc files may hold comments',
    ],
    [
      'twice.jsonc',
      '{ "limits": {}, "limits": {} }',
      'DIR/twice.jsonc:1:17: expected JSON, received the name "limits" twice',
    ],
    ['twice.yaml', 'limits: {}\nlimits: {}\n', 'DIR/twice.yaml:2:1: expected YAML, received duplicate key'],
    ['bad.yaml', 'a: [1\nb: 2\n', 'DIR/bad.yaml:2:1: expected YAML, received bad indent'],
    ['two.yaml', 'a: 1\n---\nb: 2\n', 'DIR/two.yaml:2:1: expected YAML, received multiple docs'],
    ['tag.yaml', 'a: !run rm\n', 'DIR/tag.yaml:1:4: expected YAML, received tag resolve failed'],
    ['bomb.yaml', bomb(), 'DIR/bomb.yaml:1:1: expected YAML, received too many aliases'],
  ])('%s is not well-formed', async (name, text, message) => {
    expect(await failure(file(name, text))).toEqual({ code: 'ERR_FG_CONFIG_INVALID', message });
  });

  it('must exist, be named by its kind, and be text', async () => {
    const code = 'ERR_FG_FILE_UNREADABLE';
    expect(await failure(join(folder, 'none.json'))).toEqual({
      code,
      message: 'cannot read DIR/none.json: ENOENT',
    });
    expect(await failure(file('a.toml', ''))).toEqual({
      code,
      message: 'cannot read DIR/a.toml: its name must end in .json, .jsonc, .yaml or .yml',
    });
    expect(await failure(file('bytes.json', new Uint8Array([0xff, 0xfe])))).toEqual({
      code,
      message: 'cannot read DIR/bytes.json: it is not UTF-8',
    });
  });

  it('that is empty is no configuration', async () => {
    const { config } = await readConfigFile(file('empty.yaml', ''));
    expect(() => parseConfig(config)).toThrow('expected an object, received null');
  });
});

function bomb(): string {
  const levels = Array.from(
    { length: 8 },
    (_, n) => `l${n + 1}: &l${n + 1} [${Array(9).fill(`*l${n}`).join(', ')}]`,
  );
  return `l0: &l0 [x]\n${levels.join('\n')}\n`;
}
