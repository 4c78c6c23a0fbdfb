// Options of the answers that the gateway makes itself.
import { choice, option, section, withDefault } from './option.ts';

export const errorsSection = section(
  { name: 'ErrorsConfig', text: 'The form of every refusal and failure that the gateway answers itself.' },
  {
    format: option(
      withDefault(choice('problem', 'envelope'), 'problem'),
      '`"problem"` is `application/problem+json` (RFC 9457), `"envelope"` is `{code, message, data, traceId}`.',
    ),
  },
);
