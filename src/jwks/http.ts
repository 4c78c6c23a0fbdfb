// One bounded HTTP exchange with a server of keys: no redirect, no compression, no cookie, no connection that stays.
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isLoopback, parseHttpUrl } from '../config/addresses.ts';
import { KeyFailure, statusFailure } from './failure.ts';

/** Longest body that is read, in bytes. */
export const maxBodyBytes = 512 * 1024;

export interface HttpRequest {
  /** Who answers, in words for the log: its URL may carry a secret in its query. */
  readonly server: string;
  readonly url: URL;
  /** Default GET; with a `body` POST. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM of the authorities that are trusted instead of those of Node. */
  readonly ca?: string | undefined;
  /** Ends the exchange; whoever aborts says why. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends the request and reads the whole answer, whatever its status but a redirect. Throws a `KeyFailure`. */
export async function exchange(request: HttpRequest): Promise<HttpAnswer> {
  try {
    const response = await send(request);
    const status = response.statusCode ?? 0;
    if (status >= 300 && status < 400) {
      response.destroy();
      throw new KeyFailure('redirect', `${request.server} answered ${status}; redirects are not followed`);
    }
    return { status, headers: response.headers, body: await readBounded(response, request.server) };
  } catch (error) {
    throw error instanceof KeyFailure ? error : connectionFailure(request.server, error);
  }
}

/** The body of an answer that must be 200. */
export async function fetchText(request: HttpRequest): Promise<HttpAnswer> {
  const answer = await exchange(request);
  if (answer.status !== 200) throw statusFailure(request.server, answer.status);
  return answer;
}

/** The JSON object in `text`, of which nothing else is known. */
export function jsonObject(server: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeyFailure('malformed', `${server} answered with what is no JSON`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new KeyFailure('malformed', `${server} answered with what is no JSON object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** `text` as a URL that keys may come from: https, or http where it is this machine or allowed. */
export function keyUrl(text: string, allowInsecure: boolean, what: string): URL {
  const url = parseHttpUrl(text);
  if (url === undefined) throw new KeyFailure('refused', `${what} is no http or https URL`);
  if (url.protocol === 'https:' || isLoopback(url) || allowInsecure) return url;
  throw new KeyFailure('refused', `${what} is not https`);
}

function send({ url, body, headers = {}, ca, signal }: HttpRequest): Promise<IncomingMessage> {
  const options = {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'User-Agent': 'ferrogate',
      Accept: 'application/json, application/jwk-set+json',
      'Accept-Encoding': 'identity',
      ...(body === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      ...headers,
    },
    // A connection of its own: keys are fetched rarely, and nothing is left that keeps a process.
    agent: false as const,
    signal,
  };
  return new Promise((resolve, reject) => {
    const made =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, ...(ca === undefined ? {} : { ca }) })
        : requestHttp(url, options);
    made.once('response', resolve).on('error', reject);
    made.end(body);
  });
}

async function readBounded(response: IncomingMessage, server: string): Promise<string> {
  const encoding = response.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    response.destroy();
    throw new KeyFailure('malformed', `${server} answered with an encoding that it was not asked for`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    // Leaving the loop destroys the response, so no more of it is read.
    if (size > maxBodyBytes)
      throw new KeyFailure('too_large', `${server} answered with more than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const tlsCode = /^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_OSSL|HOSTNAME_)/;

/** Only the code: messages of Node name addresses, which are for the operator's own configuration to know. */
function connectionFailure(server: string, error: unknown): KeyFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
  const reason = tlsCode.test(code) ? 'tls' : 'connection';
  return new KeyFailure(reason, `the connection to ${server} failed: ${code}`);
}
