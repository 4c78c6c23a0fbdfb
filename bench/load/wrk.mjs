// One run of wrk on core 1, and what it reports as numbers.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MILLISECONDS = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

const FRESH = fileURLToPath(new URL('fresh.lua', import.meta.url));

/**
 * Sends load for `seconds`: `{requests, rps, p50Ms, p99Ms, non2xx, socketErrors}`; with one token, or in turn with those of
 * `tokensFile`, one a line.
 */
export async function wrk({ url, connections, seconds, token, tokensFile = null }) {
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '30s'];
  const what =
    tokensFile === null
      ? ['-H', `Authorization: Bearer ${token}`, url]
      : ['-s', FRESH, url, '--', tokensFile];
  const { stdout } = await run('taskset', ['-c', '1', 'wrk', ...options, ...what]);
  return parse(stdout);
}

function parse(text) {
  const total = /(\d+) requests in ([\d.]+)(us|ms|s|m)/.exec(text);
  if (!total) throw new Error(`wrk: ${text}`);
  const requests = Number(total[1]);
  return {
    requests,
    rps: (requests / (Number(total[2]) * MILLISECONDS[total[3]])) * 1000,
    p50Ms: percentile(text, '50'),
    p99Ms: percentile(text, '99'),
    non2xx: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0),
    socketErrors: /Socket errors: (.*)/.exec(text)?.[1] ?? null,
  };
}

function percentile(text, percent) {
  const found = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)`, 'm').exec(text);
  return found ? Number(found[1]) * MILLISECONDS[found[2]] : Number.NaN;
}
