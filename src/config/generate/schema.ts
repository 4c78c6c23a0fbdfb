// The JSON Schema of a configuration file, for editors; the gateway itself checks by the zod schema it comes from.
import { z } from 'zod';
import { gatewaySection } from '../gateway.ts';
import { defaults, optionWords, sectionWords } from '../option.ts';
import { definition, unwrap } from '../shape.ts';

type Node = { [keyword: string]: unknown };

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the notation of references
const reference: Node = {
  description: 'An environment variable, "${NAME}", or the text of a file.',
  anyOf: [
    { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}' },
    {
      type: 'object',
      properties: { file: { type: 'string', minLength: 1 } },
      required: ['file'],
      additionalProperties: false,
    },
  ],
};

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the notation of references

/** The schema as formatted JSON. */
export function jsonSchemaText(): string {
  const { $defs: shared = {}, ...schema } = z.toJSONSchema(gatewaySection, {
    io: 'input',
    // Functions: they are taken out below.
    unrepresentable: 'any',
    metadata: repeated(gatewaySection),
    override: ({ zodSchema, jsonSchema }) => describe(zodSchema as unknown as z.ZodType, jsonSchema as Node),
  }) as Node;
  const $defs = { reference, ...mapNodes(shared as Node) };
  const root = { title: 'Ferrogate configuration', ...withReferences(schema), $defs };
  return `${JSON.stringify(root, null, 2)}\n`;
}

/** Marks what a file cannot hold. */
const inCodeOnly = 'inCodeOnly';

/** The sections that stand in several places, by their names: each is written once. */
function repeated(root: z.ZodType): z.core.$ZodRegistry<{ id: string }> {
  const found = new Set<z.ZodType>();
  const ids = z.registry<{ id: string }>();
  const walk = (schema: z.ZodType): void => {
    const name = sectionWords.get(schema)?.name;
    if (name !== undefined && found.has(schema)) {
      ids.add(schema, { id: name });
      return;
    }
    found.add(schema);
    const { shape = {}, innerType, in: input, element, valueType, options = [] } = definition(schema);
    for (const child of [...Object.values(shape), innerType, input, element, valueType, ...options])
      if (child !== undefined) walk(child);
  };
  walk(root);
  return ids;
}

function describe(schema: z.ZodType, node: Node): void {
  if (definition(unwrap(schema)).type === 'custom') node[inCodeOnly] = true;
  const text = optionWords.get(schema)?.text ?? sectionWords.get(schema)?.text;
  if (text !== undefined) node['description'] = text;
  const written = defaults.get(schema);
  if (written === undefined) return;
  if ('value' in written) node['default'] = written.value;
  else delete node['default'];
}

/** A reference may stand wherever a string or a number is expected, but not for a name. */
function withReferences(node: Node): Node {
  const result: Node = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (keyword === 'properties') result[keyword] = mapNodes(value as Node);
    else if (keyword === 'anyOf' || keyword === 'oneOf')
      result[keyword] = (value as Node[]).map(withReferences);
    else if (isNode(value) && (keyword === 'items' || keyword === 'additionalProperties'))
      result[keyword] = withReferences(value);
    else result[keyword] = value;
  }
  return takesReference(result) ? alternative(result) : result;
}

function mapNodes(nodes: Node): Node {
  const held = Object.entries(nodes).filter(([, node]) => (node as Node)[inCodeOnly] !== true);
  return Object.fromEntries(
    held.map(([name, node]) => [name, name === '$schema' ? node : withReferences(node as Node)]),
  );
}

function alternative(node: Node): Node {
  const { description, default: fallback, ...rest } = node;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, { $ref: '#/$defs/reference' }],
  };
}

function takesReference(node: Node): boolean {
  return node['type'] === 'string' || node['type'] === 'integer' || node['type'] === 'number';
}

function isNode(value: unknown): value is Node {
  return value !== null && typeof value === 'object';
}
