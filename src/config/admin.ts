// Options of the admin listener, which serves probes, metrics and the masked configuration.
import { z } from 'zod';
import { bindHost } from './addresses.ts';
import { expecting, integer, option, section, withDefault } from './option.ts';

export const adminSection = section(
  {
    name: 'AdminConfig',
    text: 'A second listener for `/livez`, `/readyz`, `/metrics`, `/config` and `/routes`.',
  },
  {
    host: option(withDefault(bindHost(), '127.0.0.1'), 'Address or name to bind to.'),
    port: option(withDefault(integer(0, 65535), 9901), 'Port; 0 takes any free one.'),
  },
);

export const adminOption = expecting(z.union([adminSection, z.literal(false)]), 'an object or false');

/** Where the admin listener binds. */
export interface AdminSettings {
  readonly host: string;
  readonly port: number;
}
