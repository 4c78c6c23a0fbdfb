// Options of a route whose WebSocket connections go to its upstream.
import { z } from 'zod';
import { expecting, flag, option, section, withDefault } from './option.ts';
import type { PlanRoute } from './plan.ts';
import { duration } from './units.ts';

export const websocketSection = section(
  { name: 'WebSocketConfig', text: 'How long WebSocket connections of a route may last.' },
  {
    idleTimeout: option(
      withDefault(duration('1ms', '24h'), '5m'),
      'How long a connection may carry no byte, either way; then it is closed.',
    ),
    closeOnTokenExpiry: option(
      withDefault(flag(), false),
      'Whether a connection is closed with code 4401 when the token that opened it expires; needs `jwt`.',
    ),
  },
);

export const websocketOption = expecting(z.union([websocketSection, flag()]), 'an object, true or false');

/** Null when the route takes no WebSocket connection. */
export function planWebSocket(written: z.output<typeof websocketOption> | undefined): PlanRoute['websocket'] {
  if (written === undefined || written === false) return null;
  const { idleTimeout, closeOnTokenExpiry } = written === true ? websocketSection.parse({}) : written;
  return { idleTimeoutMs: idleTimeout, closeOnTokenExpiry };
}
