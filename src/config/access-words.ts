// Grammar of roles and actions; parameters are compared with those of the path by the data plane.
import { z } from 'zod';
import { expecting } from './option.ts';

const segment = '(?:\\{[A-Za-z_][A-Za-z0-9_]{0,127}\\}|[\\x21-\\x29\\x2b-\\x39\\x3b-\\x7a\\x7c\\x7e]+)';
const actionPattern = new RegExp(`^${segment}(?::${segment}){0,7}$`);

/** A role, compared to the letter. */
export function role(): z.ZodString {
  return expecting(z.string().min(1).max(256), 'a role of 1 to 256 characters');
}

/** `verb:resource:{param}`. */
export function action(): z.ZodString {
  return expecting(
    z.string().max(256).regex(actionPattern),
    'an action such as "update:doc:{id}": 1 to 8 segments of visible ASCII without "*", or parameters in braces',
  );
}
