// Holds a new instance back until it has what the running one has long since: keys and addresses. It fetches nothing itself.
import { setTimeout } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';

const POLL_MS = 10;

/**
 * Resolves when nothing is missing.
 * @throws GatewayError `ERR_FG_TAKEOVER_FAILED` naming what is missing after `timeoutMs`
 */
export async function untilReady(
  missing: () => { issuers: readonly string[]; upstreams: readonly string[] },
  timeoutMs = 20_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const { issuers, upstreams } = missing();
    if (issuers.length === 0 && upstreams.length === 0) return;
    if (performance.now() > end) {
      const what = [
        ...issuers.map((id) => `issuer "${id}" has no keys`),
        ...upstreams.map((id) => `upstream "${id}" has no address`),
      ];
      throw new GatewayError(
        'ERR_FG_TAKEOVER_FAILED',
        `nothing was taken over: after ${timeoutMs / 1000} s ${what.join(', ')}`,
      );
    }
    await setTimeout(POLL_MS);
  }
}
