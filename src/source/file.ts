// Reads a configuration file: JSON, JSON with comments, or YAML by its extension; it does not check options.
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { gatewaySection } from '../config/gateway.ts';
import { anchorHandlers } from '../config/handlers.ts';
import { JsonSyntaxError, parseJson } from '../config/jsonc.ts';
import { anchorFiles } from '../config/references.ts';
import { GatewayError, invalidConfig } from '../errors.ts';

const maxFileBytes = 64 * 1024 * 1024;

/** What a file holds. */
export interface ConfigFile {
  /** For `parseConfig`: references are still references, file paths absolute. */
  readonly config: unknown;
  /** The file and those it refers to, absolute: what to watch. */
  readonly files: readonly string[];
}

/**
 * Reads `.json`, `.jsonc`, `.yaml` or `.yml`. Paths in `{"file": "path"}` and `listen.handlers` count from the folder of
 * the file.
 * @throws GatewayError `ERR_FG_FILE_UNREADABLE`, or `ERR_FG_CONFIG_INVALID` where the text is not well-formed
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const file = resolve(path);
  const parse = parsers[extname(file).toLowerCase()];
  if (parse === undefined) throw unreadable(path, 'its name must end in .json, .jsonc, .yaml or .yml');
  const { value, files } = anchorFiles(
    gatewaySection,
    parse(await readText(path, file), path),
    dirname(file),
  );
  return { config: anchorHandlers(value, dirname(file)), files: [file, ...new Set(files)] };
}

const parsers: Readonly<Record<string, (text: string, path: string) => unknown>> = {
  '.json': (text, path) => readJson(text, path, false),
  '.jsonc': (text, path) => readJson(text, path, true),
  '.yaml': readYaml,
  '.yml': readYaml,
};

async function readText(path: string, file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read';
    throw unreadable(path, code, error);
  }
  if (bytes.length > maxFileBytes) throw unreadable(path, 'it is larger than 64mb');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(path, 'it is not UTF-8');
  }
}

function readJson(text: string, path: string, comments: boolean): unknown {
  try {
    return parseJson(text, comments);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw malformed(path, 'JSON', error.line, error.column, error.message);
  }
}

function readYaml(text: string, path: string): unknown {
  const document = parseDocument(text, { prettyErrors: true, stringKeys: true });
  const error = document.errors[0] ?? document.warnings[0];
  if (error !== undefined) {
    const { line = 1, col = 1 } = error.linePos?.[0] ?? {};
    throw malformed(path, 'YAML', line, col, error.code.toLowerCase().replaceAll('_', ' '));
  }
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch {
    throw malformed(path, 'YAML', 1, 1, 'too many aliases');
  }
}

function unreadable(path: string, reason: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_FG_FILE_UNREADABLE', `cannot read ${path}: ${reason}`, { cause });
}

function malformed(path: string, format: string, line: number, column: number, found: string): GatewayError {
  return invalidConfig([
    { path: `${path}:${line}:${column}`, message: `expected ${format}, received ${found}` },
  ]);
}
