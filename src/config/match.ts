// Options that say which requests a route takes; the pattern itself is compiled by the router.
import { z } from 'zod';
import { hostMatch } from './addresses.ts';
import { method } from './names.ts';
import { expecting, list, option, optional, section } from './option.ts';

export const matchSection = section(
  { name: 'MatchConfig', text: 'Which requests a route takes.' },
  {
    path: option(
      expecting(
        z.string().max(2048).refine(isPattern),
        'a path that starts with "/", without white space, "?" and "#"',
      ),
      'Path pattern: `/static`, `/:name`, `/:name(regex)` and, at the end, `/*rest`.',
    ),
    methods: option(
      optional(list(method(), 'methods', 1), 'all'),
      'Methods that the route takes. `GET` answers `HEAD` too.',
    ),
    host: option(
      optional(
        expecting(z.union([hostMatch(), list(hostMatch(), 'hosts', 1)]), 'a host or a list of hosts'),
        'any',
      ),
      'Hosts that the route takes: exact, or all below a domain (`"*.example.com"`).',
    ),
  },
);

export type Match = z.output<typeof matchSection>;

/** The hosts of a match in lower case; empty for any. */
export function planHosts(host: Match['host']): string[] {
  if (host === undefined) return [];
  return (typeof host === 'string' ? [host] : host).map((name) => name.toLowerCase());
}

/** The id of a route that names none: `GET,POST api.example.com/orders/:id`, `* /orders` for all methods. */
export function defaultRouteId(methods: readonly string[], hosts: readonly string[], path: string): string {
  return `${methods.length === 0 ? '*' : methods.join(',')} ${hosts.join(',')}${path}`;
}

/** Inside parentheses there is a regular expression, which may hold `?` and `#`. */
function isPattern(path: string): boolean {
  if (!path.startsWith('/')) return false;
  let depth = 0;
  for (let index = 0; index < path.length; index += 1) {
    const char = path.charCodeAt(index);
    if (char <= 0x20 || char === 0x7f) return false;
    if (char === 0x5c && depth > 0) index += 1;
    else if (char === 0x28) depth += 1;
    else if (char === 0x29) depth -= 1;
    else if (depth <= 0 && (char === 0x3f || char === 0x23)) return false;
  }
  return true;
}
