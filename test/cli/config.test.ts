// Which file a command reads, and what the command line changes in it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configFile, withOverrides } from '../../src/cli/config.ts';
import type { GatewayConfig } from '../../src/config/types.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrogate-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('configFile', () => {
  it.each([
    [['ferrogate.yaml'], 'ferrogate.yaml'],
    [['ferrogate.yaml', 'ferrogate.jsonc'], 'ferrogate.jsonc'],
    [['ferrogate.jsonc', 'ferrogate.json'], 'ferrogate.json'],
  ])('of %j takes %s', (present, taken) => {
    for (const name of present) writeFileSync(join(folder, name), '');
    expect(configFile(undefined, folder)).toBe(join(folder, taken));
  });

  it('takes the named file even where a default one is', () => {
    writeFileSync(join(folder, 'ferrogate.json'), '');
    expect(configFile('other.yaml', folder)).toBe('other.yaml');
  });

  it('throws when there is none', () => {
    expect(() => configFile(undefined, folder)).toThrow(/there is no ferrogate\.json/);
  });
});

describe('withOverrides', () => {
  it.each<[unknown, { port?: number; adminPort?: number }, unknown]>([
    [{}, {}, { admin: {} }],
    [{ admin: false }, {}, { admin: false }],
    [{ admin: { port: 1 } }, {}, { admin: { port: 1 } }],
    [{}, { port: 1 }, { listen: { port: 1 }, admin: {} }],
    [{ listen: { host: 'h', port: 2 } }, { port: 0 }, { listen: { host: 'h', port: 0 }, admin: {} }],
    [{ admin: { host: 'h', port: 2 } }, { adminPort: 0 }, { admin: { host: 'h', port: 0 } }],
    [{ admin: false }, { adminPort: 5 }, { admin: { port: 5 } }],
    [
      { listen: 'x', admin: 'y' },
      { port: 1, adminPort: 1 },
      { listen: 'x', admin: 'y' },
    ],
    [[], { port: 1 }, []],
    [null, { port: 1 }, null],
    ['text', { port: 1 }, 'text'],
  ])('%j with %j is %j', (config, overrides, expected) => {
    expect(withOverrides(config as GatewayConfig, overrides)).toEqual(expected);
  });
});
