import { describe, expectTypeOf, it } from 'vitest';
import type { Gateway, PathParams } from '../../src/index.ts';

describe('the type of params', () => {
  it('follows the pattern', () => {
    expectTypeOf<PathParams<'/orders/:id'>>().toEqualTypeOf<{ readonly id: string }>();
    expectTypeOf<PathParams<'/orders/:id(\\d+)'>>().toEqualTypeOf<{ readonly id: string }>();
    expectTypeOf<PathParams<'/a/:x/b/:y([a-z]+)/*rest'>>().toEqualTypeOf<{
      readonly x: string;
      readonly y: string;
      readonly rest: string;
    }>();
    expectTypeOf<PathParams<'/static'>>().toEqualTypeOf<Readonly<Record<never, string>>>();
    expectTypeOf<PathParams<string>>().toEqualTypeOf<Readonly<Record<string, string>>>();
  });

  it('reaches handlers, also through groups', () => {
    const register = (gateway: Gateway): void => {
      gateway.get('/orders/:id', ({ params }) => {
        expectTypeOf(params).toEqualTypeOf<{ readonly id: string }>();
      });
      gateway.post('/orders/:id(\\d+)', { limits: [] }, ({ params }) => {
        expectTypeOf(params.id).toEqualTypeOf<string>();
        // @ts-expect-error the pattern has no such parameter
        return params.other;
      });
      gateway.group('/shops/:shop', (shop) => {
        shop.get('/files/*rest', ({ params }) => {
          expectTypeOf(params).toEqualTypeOf<{ readonly shop: string; readonly rest: string }>();
        });
        shop.group('/users/:user', { jwt: false }, (user) => {
          user.all('', ({ params }) => {
            expectTypeOf(params).toEqualTypeOf<{ readonly shop: string; readonly user: string }>();
          });
        });
      });
      gateway.route({
        match: { path: '/r/:a' },
        handler: ({ params, claims, query, body }) => {
          expectTypeOf(params).toEqualTypeOf<{ readonly a: string }>();
          expectTypeOf(claims).toEqualTypeOf<Readonly<Record<string, unknown>> | null>();
          expectTypeOf(query).toEqualTypeOf<URLSearchParams>();
          expectTypeOf(body.json<{ n: number }>()).toEqualTypeOf<Promise<{ n: number }>>();
        },
      });
    };
    expectTypeOf(register).toBeFunction();
  });
});
