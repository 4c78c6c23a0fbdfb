// The one source of benchmark routes: the GitHub API as matchit's own benchmark has it, alone and as a table of any size.
import { readFileSync } from 'node:fs';

/** The 130 patterns of matchit's benchmark (matchit 0.9.2, MIT), parameters as `:p1` to `:p4`. */
export const githubRoutes = readFileSync(new URL('github-routes.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');

/** Patterns in the gateway's default table. */
export const TABLE_SIZE = 10_000;

/** `count` patterns: the GitHub API behind one service prefix after another, `/svc0/…`, `/svc1/…`. */
export function tableRoutes(count = TABLE_SIZE) {
  return Array.from({ length: count }, (_, index) => {
    const service = Math.floor(index / githubRoutes.length);
    return `/svc${service}${githubRoutes[index % githubRoutes.length]}`;
  });
}

/** A path that the pattern matches, as matchit's benchmark makes it: each parameter is its own name. */
export const pathOf = (pattern) => pattern.replaceAll('/:', '/');

/** The pattern that load is sent to, in the middle of the table, and a path of it. */
export const loadedRoute = '/svc38/repos/:p1/:p2/issues/:p3/comments';
export const loadedPath = '/svc38/repos/acme/rocket/issues/1347/comments';
