// The whole decision through the boundary: a table of 10,000 routes, a limit per client, a cached token with its scope.
import { tableRoutes } from '../inputs/routes.mjs';
import { blockWith, openGateway } from './gateway.mjs';

/**
 * `{decide(path, block) → index or negative status, begin (the same without the end of the exchange), finishAll, blocks, close}`, with
 * one block for each of `tokens`.
 */
export function openDecision({ jwks, tokens }) {
  const quota = { rate: 1_000_000_000, per: '1s', burst: 1_000_000_000 };
  const gateway = openGateway({ routes: tableRoutes(), quota, jwks });
  return {
    decide: (path, block) => gateway.decide('GET', path, block),
    begin: (path, block) => gateway.begin('GET', path, block),
    finishAll: () => gateway.finishAll(),
    blocks: tokens.map(blockWith),
    close: () => gateway.close(),
  };
}
