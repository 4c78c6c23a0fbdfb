// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the notation of references
// What is committed is what the schemas say; `npm run generate` writes it.
import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { gatewaySection } from '../../src/config/gateway.ts';
import { generatedFiles } from '../../src/config/generate.ts';
import type { GatewayConfig, RouteConfig, RoutePolicies } from '../../src/config/index.ts';
import { optionWords } from '../../src/config/option.ts';
import type { policiesSection, routeSection } from '../../src/config/route.ts';
import { definition } from '../../src/config/shape.ts';

describe('generated files', () => {
  it.each(Object.entries(generatedFiles()))('%s is as committed', (path, text) => {
    expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
  });

  it('explain every option', () => {
    const silent: string[] = [];
    const walk = (schema: z.ZodType, path: string): void => {
      const { shape, innerType, in: input, options = [], element, valueType } = definition(schema);
      for (const [name, child] of Object.entries(shape ?? {})) {
        if (optionWords.get(child) === undefined && name !== 'keys') silent.push(`${path}.${name}`);
        walk(child, `${path}.${name}`);
      }
      for (const child of [innerType, input, element, valueType, ...options]) if (child) walk(child, path);
    };
    walk(gatewaySection, '');
    expect(silent).toEqual([]);
  });
});

describe('the JSON Schema', () => {
  const schema = JSON.parse(generatedFiles()['schema/ferrogate.schema.json'] ?? '');
  const checker = z.fromJSONSchema(schema);
  const upstreams = { orders: { targets: ['http://127.0.0.1:9001'] } };
  const route = { match: { path: '/a' }, upstream: 'orders' };

  it.each([
    [{}],
    [{ listen: { port: '${PORT}' }, upstreams, routes: [route] }],
    [{ routes: [{ ...route, headers: { set: { authorization: { file: 'key' } } }, totalTimeout: null }] }],
    [{ listen: { listener: 'native', threads: 'loop', maxConnectionsPerClient: null } }],
    [{ listen: { threads: '${CORES}', handlers: './handlers.js' }, upstreams }],
    [{ upstreams, routes: [{ ...route, websocket: { idleTimeout: '1h' } }] }],
    [{ admin: false, via: false, records: false }],
    [{ issuers: { a: { issuer: 'a', audience: false, jwks: { env: 'KEYS' } } } }],
    [{ $schema: 'x', routes: [{ ...route, timeout: '${T}', jwt: { issuer: 'a' }, cors: false }] }],
  ])('takes %j', (config) => expect(checker.safeParse(config).success).toBe(true));

  it.each([
    [{ rotues: [] }],
    [{ listen: { port: 'x' } }],
    [{ listen: { listener: 'nginx' } }],
    [{ listen: { threads: 0 } }],
    [{ routes: [{ ...route, timeout: '1 s' }] }],
    [{ routes: [{ upstream: 'orders' }] }],
    [{ issuers: { a: { issuer: 'a', audience: false, jwks: { load: 'what a file cannot hold' } } } }],
  ])('refuses %j', (config) => expect(checker.safeParse(config).success).toBe(false));
});

describe('types', () => {
  it('take all that the schemas take', () => {
    const whole = (config: z.input<typeof gatewaySection>): GatewayConfig => config;
    const route = (config: z.input<typeof routeSection>): RouteConfig => config;
    const policies = (config: z.input<typeof policiesSection>): RoutePolicies => config;
    expect([whole, route, policies]).toHaveLength(3);
  });

  it('have the names of the schemas, and no other', () => {
    expectTypeOf<keyof GatewayConfig>().toEqualTypeOf<keyof z.input<typeof gatewaySection>>();
    expectTypeOf<keyof RouteConfig>().toEqualTypeOf<keyof z.input<typeof routeSection>>();
    expectTypeOf<keyof RoutePolicies>().toEqualTypeOf<keyof z.input<typeof policiesSection>>();
    expectTypeOf<RouteConfig>().toExtend<RoutePolicies>();
  });
});
