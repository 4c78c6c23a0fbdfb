// The parameters of a request to the token service: a form, or JSON where that is taken; each at most once, and bounded in number.
import { GatewayError } from '../errors.ts';
import type { HandlerContext } from '../handler/types.ts';
import { OAuthError } from './oauth-error.ts';

export type Params = ReadonlyMap<string, string>;

const MAX_PARAMS = 32;

/**
 * Reads the body. Parameters without a value count as absent (RFC 6749 section 3.2).
 * @throws OAuthError `invalid_request`; GatewayError of the body
 */
export async function readParams(context: HandlerContext, takesJson: boolean): Promise<Params> {
  const type = (context.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  const text = await context.body.text();
  if (text === '') return new Map();
  if (type === 'application/x-www-form-urlencoded') return collected([...new URLSearchParams(text)]);
  if (type === 'application/json' && takesJson) return collected(jsonPairs(text));
  throw new OAuthError(
    'invalid_request',
    takesJson
      ? 'the body is neither a form nor JSON'
      : 'the body is no application/x-www-form-urlencoded form',
  );
}

/** The value of a parameter. @throws OAuthError `invalid_request` when it is missing */
export function required(params: Params, name: string): string {
  const value = params.get(name);
  if (value === undefined) throw new OAuthError('invalid_request', `the parameter ${name} is missing`);
  return value;
}

/** The error of a request as it is answered: those of the body are the client's. */
export function requestError(error: unknown): { error: string; status: number; description: string } | null {
  if (error instanceof OAuthError)
    return { error: error.error, status: error.status, description: error.message };
  if (!(error instanceof GatewayError)) return null;
  // The store, the signer, or a deny-list that `onRevoked` tells.
  if (error.status === 503)
    return { error: 'temporarily_unavailable', status: 503, description: 'try again in a moment' };
  if (error.status >= 400 && error.status < 500)
    return { error: 'invalid_request', status: error.status, description: error.message };
  return null;
}

function collected(pairs: readonly (readonly [string, string])[]): Params {
  if (pairs.length > MAX_PARAMS)
    throw new OAuthError('invalid_request', `more than ${MAX_PARAMS} parameters were sent`);
  const params = new Map<string, string>();
  const seen = new Set<string>();
  for (const [name, value] of pairs) {
    // The name is the client's; it does not stand in the answer.
    if (seen.has(name)) throw new OAuthError('invalid_request', 'a parameter was sent more than once');
    seen.add(name);
    if (value !== '') params.set(name, value);
  }
  return params;
}

function jsonPairs(text: string): [string, string][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new OAuthError('invalid_request', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OAuthError('invalid_request', 'the body is no JSON object');
  const pairs = Object.entries(value);
  if (!pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string'))
    throw new OAuthError('invalid_request', 'a parameter is no string');
  return pairs;
}
