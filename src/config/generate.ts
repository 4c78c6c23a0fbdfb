// Writes what follows from the schemas: types, JSON Schema and reference page. Run by `npm run generate`.
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referenceText } from './generate/reference.ts';
import { jsonSchemaText } from './generate/schema.ts';
import { typesText } from './generate/types.ts';

/** Every generated file, by its path from the root of the repository. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    'docs/configuration.md': referenceText(),
    'schema/ferrogate.schema.json': jsonSchemaText(),
    'src/config/types.ts': typesText(),
  };
}

/** Writes them below `root`, the URL of a folder. */
export function writeGenerated(root: URL): void {
  for (const [path, text] of Object.entries(generatedFiles())) {
    const file = fileURLToPath(new URL(path, root));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) {
  writeGenerated(new URL('../../', import.meta.url));
}
