// How `routes` shows a routing table: one line per route, in columns that end where their text does.

import type { RouteInfo } from '../index.ts';

const titles = ['ID', 'METHODS', 'HOST', 'PATH', 'ISSUERS', 'LIMITS', 'TO'] as const;

/** Text for people, ending in a newline. */
export function routeTable(routes: readonly RouteInfo[]): string {
  const rows = [titles, ...routes.map(cells)];
  const widths = titles.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function cells({ id, path, methods, hosts, issuers, limits, upstream }: RouteInfo): string[] {
  return [
    id,
    methods.join(',') || '*',
    hosts.join(',') || '*',
    path,
    issuers?.join(',') ?? '-',
    limits.join(',') || '-',
    upstream === undefined ? 'handler' : `upstream ${upstream}`,
  ];
}
