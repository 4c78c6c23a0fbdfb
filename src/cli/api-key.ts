// `ferrogate api-key`: a new API key for its owner, and its hash for the configuration, on standard output.
import { createApiKey } from '../index.ts';
import { type Environment, exitCodes } from './environment.ts';

export function apiKey(environment: Environment): number {
  const { key, hash } = createApiKey();
  environment.out(`key   ${key}\nhash  ${hash}\n`);
  return exitCodes.done;
}
