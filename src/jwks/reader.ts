// Reads one key set from a URL through jose; it refuses redirects, slow servers and sets over the size cap.
import { createRemoteJWKSet, customFetch, type FetchImplementation } from 'jose';
import { freshFor } from './schedule.ts';

/** Longest key set that is read, in bytes after decompression. */
export const maxKeySetBytes = 512 * 1024;
/** Milliseconds from the connect to the last byte. */
export const defaultTimeoutMs = 5_000;

/** A key set as it was read. */
export interface KeySetText {
  readonly json: string;
  /** Milliseconds for which the server called it fresh. */
  readonly freshMs: number;
}

export interface KeySetReader {
  /** Fetches the set anew. Throws when it cannot be had or is no key set (RFC 7517 section 5). */
  read(): Promise<KeySetText>;
  /** Aborts a fetch that is under way. */
  close(): void;
}

/** A reader of the set at `url`; `timeoutMs` is 5 s by default. */
export function createKeySetReader(url: string, timeoutMs: number = defaultTimeoutMs): KeySetReader {
  const closing = new AbortController();
  let freshMs = 0;
  const boundedFetch: FetchImplementation = async (resource, init) => {
    const signal = AbortSignal.any([init.signal, closing.signal]);
    const response = await fetch(resource, { ...init, redirect: 'error', signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the server answered ${response.status}`);
    }
    freshMs = freshFor(response.headers.get('cache-control'), response.headers.get('age'));
    return new Response(await readBounded(response));
  };
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: timeoutMs,
    [customFetch]: boundedFetch,
  });
  return {
    async read() {
      await remote.reload();
      return { json: JSON.stringify(remote.jwks()), freshMs };
    },
    close: () => closing.abort(),
  };
}

async function readBounded(response: Response): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body, so no more of it is read.
    if (size > maxKeySetBytes) throw new Error(`the key set is longer than ${maxKeySetBytes} bytes`);
    chunks.push(chunk);
  }
  return new Blob(chunks);
}
