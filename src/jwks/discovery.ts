// The key set that an issuer names itself: OpenID Connect Discovery 1.0 and RFC 8414. The issuer in what is found must be ours to the letter.
import { KeyFailure, statusFailure } from './failure.ts';
import { exchange, type HttpAnswer, jsonObject, keyUrl } from './http.ts';
import { fetchKeySet, type KeyLoader } from './loader.ts';

const server = 'the discovery endpoint';

/** Reads the metadata below the URL `from`, then the set that it names, at each load: both may change. */
export function discoveryLoader(issuer: string, from: string, allowInsecure: boolean): KeyLoader {
  return {
    async load(signal) {
      const places = metadataUrls(from).map((url) =>
        keyUrl(url, allowInsecure, 'the URL of the discovery endpoint'),
      );
      const { body } = await firstFound(places, signal);
      const metadata = jsonObject(server, body);
      // OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3: identical, or it is someone else's.
      if (metadata['issuer'] !== issuer)
        throw new KeyFailure('refused', `${server} names another issuer than the configuration`);
      const { jwks_uri: uri } = metadata;
      if (typeof uri !== 'string') throw new KeyFailure('malformed', `${server} names no jwks_uri`);
      return fetchKeySet(keyUrl(uri, allowInsecure, 'the jwks_uri of the issuer'), signal);
    },
  };
}

/**
 * Where metadata may be, in the order in which it is asked for: appended to the path (OpenID Connect Discovery 1.0
 * section 4.1), then before the path (RFC 8414 section 3.1). A URL that is well-known already is the only one.
 */
export function metadataUrls(from: string): string[] {
  if (!URL.canParse(from)) return [from];
  const { origin, pathname } = new URL(from);
  if (pathname.includes('/.well-known/')) return [from];
  const path = pathname.replace(/\/+$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/** The first that is there: 404 alone leads to the next, so that no other failure is taken for "not here". */
async function firstFound(places: readonly URL[], signal: AbortSignal): Promise<HttpAnswer> {
  let status = 404;
  for (const url of places) {
    const answer = await exchange({ server, url, signal });
    if (answer.status === 200) return answer;
    status = answer.status;
    if (status !== 404) break;
  }
  throw statusFailure(server, status);
}
