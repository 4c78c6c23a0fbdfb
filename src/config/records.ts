// Options of access records: one flat line for each exchange.
import { z } from 'zod';
import { headerName } from './names.ts';
import { expecting, flag, list, option, section, withDefault } from './option.ts';
import type { Plan } from './plan.ts';

export const recordsSection = section(
  { name: 'RecordsConfig', text: 'Access records: one flat line for each exchange.' },
  {
    sample: option(
      withDefault(expecting(z.number().min(0).max(1), 'a number from 0 to 1'), 1),
      'Share of the exchanges that are recorded; those that end in an error always are.',
    ),
    headers: option(
      withDefault(list(headerName(), 'header names'), []),
      'Request headers whose values are recorded; no other value ever is.',
    ),
    query: option(withDefault(flag(), false), 'Whether the query is recorded with the path.'),
  },
);

export const recordsOption = expecting(z.union([recordsSection, z.literal(false)]), 'an object or false');

/** Header names in lower case; null when nothing is recorded. */
export function planRecords(records: z.output<typeof recordsOption>): Plan['records'] {
  if (records === false) return null;
  return { ...records, headers: records.headers.map((name) => name.toLowerCase()) };
}
