// The gateways that the probe compares: each a plain proxy in front of the same origin, as the load benchmark configures it, but
// for a body bound above the 999,999,999 bytes that one case announces.
import { fileURLToPath } from 'node:url';
import { proxyNginx } from '../load/configs.mjs';
import { envoyPlain } from '../load/envoy.mjs';
import { targets as load } from '../load/targets.mjs';

const gateway = fileURLToPath(new URL('gateway.mjs', import.meta.url));
const ferrogate = (listener) => ({
  command: ({ port, origin }) => [process.execPath, gateway, String(port), String(origin), listener],
});

/** As in the load benchmark: `needs` a program, `config` is written to `file`, `command` runs it. */
export const targets = {
  'ferrogate native': ferrogate('native'),
  'ferrogate uws': ferrogate('uws'),
  nginx: {
    ...load['nginx-proxy'],
    config: (context) => proxyNginx({ ...context, more: 'client_max_body_size 0;' }),
  },
  HAProxy: load['haproxy-plain'],
  // So that it tells the origin the client's address, as the others do.
  Envoy: {
    ...load['envoy-plain'],
    config: (context) => envoyPlain({ ...context, more: { use_remote_address: true } }),
  },
};
