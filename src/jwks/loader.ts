// A source of keys behind one interface, and the three sources that need few words; it keeps nothing and knows no schedule.
import type { LoadFunction } from '../config/key-set.ts';
import { KeyFailure, toFailure } from './failure.ts';
import { fetchText, jsonObject, keyUrl } from './http.ts';
import { keySetJson, keySetOf, keySetOfValue } from './key-text.ts';
import { freshFor } from './schedule.ts';

/** A key set as it was loaded. */
export interface LoadedKeys {
  /** A JSON Web Key Set. */
  readonly json: string;
  /** Milliseconds for which it is good; absent: its source does not say. */
  readonly freshMs?: number;
}

/** Loads one key set. */
export interface KeyLoader {
  /** Loads it anew. Throws when it cannot be had; `signal` ends it. */
  load(signal: AbortSignal): Promise<LoadedKeys>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The set in a variable of the environment; `kid` names the key where it is one of PEM. */
export function environmentKeys(name: string, kid: string | undefined, env: Environment): string {
  const text = Object.hasOwn(env, name) ? env[name] : undefined;
  if (text === undefined || text.trim() === '')
    throw new KeyFailure('missing', `the environment variable ${name} is not set`);
  return keySetOf(text, `the environment variable ${name}`, kid);
}

/** The set at a URL. */
export function urlLoader(url: string, allowInsecure: boolean): KeyLoader {
  return { load: (signal) => fetchKeySet(keyUrl(url, allowInsecure, 'the URL of the key set'), signal) };
}

/** The set at `url` (RFC 7517 section 5) and how long its server calls it fresh. */
export async function fetchKeySet(url: URL, signal: AbortSignal): Promise<LoadedKeys> {
  const server = 'the server';
  const { body, headers } = await fetchText({ server, url, signal });
  const { keys } = jsonObject(server, body);
  if (!Array.isArray(keys)) throw new KeyFailure('malformed', 'the answer is no JSON Web Key Set');
  const freshMs = freshFor(headers, Date.now());
  return { json: keySetJson(keys), ...(freshMs === undefined ? {} : { freshMs }) };
}

/** A function of the application. What it throws is told as a failure, and goes no further. */
export function functionLoader(load: LoadFunction): KeyLoader {
  return {
    async load(signal) {
      let value: unknown;
      try {
        value = await load({ signal });
      } catch (error) {
        throw toFailure(error, 'loader');
      }
      return { json: keySetOfValue(value, 'what the loader gave') };
    },
  };
}
