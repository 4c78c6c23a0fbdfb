// One canonical path: the ways to write /admin while /public/*rest is open, and what reaches the upstream of the rest.
import { type Case, denied, type Expectation, forwarded, refused, request } from '../case.ts';

/** `guarded`: seen as /admin, which needs a token. `malformed`, `ambiguous` and `unknown` are 400, 400 and 404. */
type Outcome = 'guarded' | 'malformed' | 'ambiguous' | 'unknown' | { readonly as: string };

const ways: readonly (readonly [target: string, outcome: Outcome])[] = [
  ['/admin', 'guarded'],
  ['/admin?a', 'guarded'],
  ['/admin/', 'guarded'],
  ['/admin/.', 'guarded'],
  ['/admin/a/..', 'guarded'],
  ['/./admin', 'guarded'],
  ['/../admin', 'guarded'],
  ['/../../admin', 'guarded'],
  ['/a/../admin', 'guarded'],
  ['/%61dmin', 'guarded'],
  ['/adm%69n', 'guarded'],
  ['/public/../admin', 'guarded'],
  ['/public/./../admin', 'guarded'],
  ['/public/a/../../admin', 'guarded'],
  ['/public/%2e%2e/admin', 'guarded'],
  ['/public/%2E%2E/admin', 'guarded'],
  ['/public/.%2e/admin', 'guarded'],
  ['/public/%2e./admin', 'guarded'],
  ['/public/%2e%2e/%61%64%6d%69%6e', 'guarded'],
  ['/public/..%2fadmin', 'malformed'],
  ['/public/..%2Fadmin', 'malformed'],
  ['/public/%2e%2e%2fadmin', 'malformed'],
  ['/public/..%5cadmin', 'malformed'],
  ['/public/%2e%2e%5cadmin', 'malformed'],
  ['/public/%5c..%5cadmin', 'malformed'],
  ['/public/a%2f..%2f..%2fadmin', 'malformed'],
  ['/public/..\\admin', 'malformed'],
  ['/public/..\\..\\admin', 'malformed'],
  ['/public\\..\\admin', 'malformed'],
  ['/public/..;/admin', 'malformed'],
  ['/public/..;a=b/admin', 'malformed'],
  ['/public/%2e%2e;/admin', 'malformed'],
  ['/public/..%3b/admin', 'malformed'],
  ['/public/.;/../admin', 'malformed'],
  ['/public/../admin%2f..', 'malformed'],
  ['/public/..%00/admin', 'malformed'],
  ['/admin%00', 'malformed'],
  ['/admin#a', 'malformed'],
  ['/public/%u002e%u002e/admin', 'malformed'],
  ['/public/%2/admin', 'malformed'],
  ['/public/\xef\xbc\x8e\xef\xbc\x8e/admin', 'malformed'],
  ['/public/\xc0\xae\xc0\xae/admin', 'malformed'],
  ['//admin', 'ambiguous'],
  ['/public//../admin', 'ambiguous'],
  ['/public/..//admin', 'ambiguous'],
  ['/public//admin', 'ambiguous'],
  ['/public/a%2fadmin', 'ambiguous'],
  ['/admin%2f', 'ambiguous'],
  ['/admin\\', 'ambiguous'],
  ['/ADMIN', 'unknown'],
  ['/%41dmin', 'unknown'],
  ['/admin;a=1', 'unknown'],
  ['/admin%3ba', 'unknown'],
  ['/admin%20', 'unknown'],
  ['/%2561dmin', 'unknown'],
  ['/public/../Admin', 'unknown'],
  ['/public/%252e%252e/admin', { as: '/public/%252e%252e/admin' }],
  ['/public/%c0%ae%c0%ae/admin', { as: '/public/%C0%AE%C0%AE/admin' }],
  ['/public/..%c0%afadmin', { as: '/public/..%C0%AFadmin' }],
  ['/public/%ef%bc%8e%ef%bc%8e/admin', { as: '/public/%EF%BC%8E%EF%BC%8E/admin' }],
  ['/public/.../admin', { as: '/public/.../admin' }],
  ['/public/..%09/admin', { as: '/public/..%09/admin' }],
  ['/lenient/..%2fadmin', 'malformed'],
  ['/lenient/..\\admin', 'malformed'],
];

const canonical: readonly (readonly [target: string, as: string])[] = [
  ['/public/%7ea', '/public/~a'],
  ['/public/%c3%a9', '/public/%C3%A9'],
  ['/public/a%2bb', '/public/a%2Bb'],
  ['/public/a"b', '/public/a%22b'],
  ['/public/a/./b/../c', '/public/a/c'],
  ['/public/a/..', '/public/'],
  ['/public/', '/public/'],
  ['/public/a?', '/public/a?'],
  ['/public/%0d%0aX-Injected:%20a', '/public/%0D%0AX-Injected:%20a'],
  ['/lenient/a%2fb', '/lenient/a%2Fb'],
  ['/lenient/a%5cb', '/lenient/a%5Cb'],
  ['/lenient//a', '/lenient//a'],
  ['/lenient/a\\b', '/lenient/a\\b'],
  ['/api/a?b', '/v1/a?b'],
  ['/api/../api/a', '/v1/a'],
];

function expectation(outcome: Outcome): Expectation {
  if (outcome === 'guarded') return denied(401, 'token_missing');
  if (outcome === 'malformed') return refused(400);
  if (outcome === 'ambiguous') return denied(400, 'ambiguous_path');
  if (outcome === 'unknown') return denied(404, 'route_not_found');
  return forwarded(`GET ${outcome.as}`);
}

const named = (target: string): string => `GET ${JSON.stringify(target)}`;

export const paths: readonly Case[] = [
  ...ways.map(
    ([target, outcome]): Case => ({
      name: named(target),
      clause: 'RFC 3986 6.2.2',
      send: request(`GET ${target}`),
      expect: expectation(outcome),
    }),
  ),
  ...canonical.map(
    ([target, as]): Case => ({
      name: named(target),
      clause: 'RFC 3986 6.2.2',
      send: request(`GET ${target}`),
      expect: forwarded(`GET ${as}`),
    }),
  ),
];
