// The whole configuration: the sections together; groups of options have their own files.
import { z } from 'zod';
import { adminOption } from './admin.ts';
import { apiKeysSection } from './api-key.ts';
import { errorsSection } from './errors.ts';
import { issuerSection } from './issuer.ts';
import { limitSection } from './limit.ts';
import { listenSection } from './listen.ts';
import { identifier, label, token } from './names.ts';
import { expecting, option, optional, section, withDefault } from './option.ts';
import { overloadOption } from './overload.ts';
import { recordsOption } from './records.ts';
import { routeSection } from './route.ts';
import { storeSection } from './store.ts';
import { upstreamSection } from './upstream.ts';

export const gatewaySection = section(
  { name: 'GatewayConfig', text: 'The configuration of a gateway, in a file or in code.' },
  {
    $schema: option(optional(z.string()), 'URL of the JSON Schema, for editors; not used.'),
    service: option(
      withDefault(label(), 'ferrogate'),
      'Name of this gateway in metrics: the label `service`.',
    ),
    via: option(
      withDefault(
        expecting(
          z.union([token('a name for Via'), z.literal(false)]),
          'a name of letters, digits and "-", or false',
        ),
        'ferrogate',
      ),
      'Pseudonym in the `Via` field (RFC 9110 section 7.6.3); `false` adds no `Via`.',
    ),
    zone: option(
      optional(label(), 'none'),
      'Where this gateway is: targets with the same `zone` are preferred.',
    ),
    listen: option(withDefault(listenSection, {}), 'Where the gateway listens.'),
    admin: option(
      optional(adminOption, 'off in code, `{}` on the command line'),
      'The admin listener; `false` turns it off, `{}` on.',
    ),
    errors: option(withDefault(errorsSection, {}), 'The form of answers that the gateway makes.'),
    overload: option(
      withDefault(overloadOption, {}),
      'What the process may use before it does less for clients; `false` turns the guard off.',
    ),
    records: option(withDefault(recordsOption, {}), 'Access records; `false` turns them off.'),
    stores: option(
      withDefault(z.record(identifier(), storeSection), {}),
      'Stores by id, for what a fleet of gateways shares.',
    ),
    issuers: option(withDefault(z.record(identifier(), issuerSection), {}), 'Token issuers by id.'),
    apiKeys: option(withDefault(z.record(identifier(), apiKeysSection), {}), 'Lists of API keys by id.'),
    limits: option(withDefault(z.record(identifier(), limitSection), {}), 'Limits by id.'),
    upstreams: option(withDefault(z.record(identifier(), upstreamSection), {}), 'Upstreams by id.'),
    routes: option(
      withDefault(expecting(z.array(routeSection), 'a list of routes'), []),
      'Routes. Their order does not matter: the most specific match wins.',
    ),
  },
);

/** The configuration after the schema: every default filled in, units as numbers. */
export type CheckedConfig = z.output<typeof gatewaySection>;
