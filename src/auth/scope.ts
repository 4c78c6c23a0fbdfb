// Scopes as RFC 6749 section 3.3 writes them: a list of words with one space between.
import { OAuthError } from './oauth-error.ts';

const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
/** Bytes of all scopes of a token. */
const MAX_SCOPE_BYTES = 2_048;

/** Whether `text` is empty or a list of scopes of bounded length. */
export function isScope(text: string): boolean {
  return text === '' || (text.length <= MAX_SCOPE_BYTES && scopePattern.test(text));
}

/**
 * The scopes of `wanted`, all of which `granted` has; `granted` where nothing is wanted.
 * @throws OAuthError `invalid_scope`
 */
export function narrowed(granted: string, wanted: string | undefined): string {
  if (wanted === undefined || wanted === '') return granted;
  const may = new Set(granted.split(' '));
  if (!isScope(wanted) || !wanted.split(' ').every((scope) => may.has(scope)))
    throw new OAuthError('invalid_scope', 'a scope is unknown, malformed or was not granted');
  return [...new Set(wanted.split(' '))].join(' ');
}
