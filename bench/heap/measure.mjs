// Measures what a forwarded request allocates on the JavaScript heap, and the heap after forced collections; it judges nothing.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLimit } from '../inputs/quotas.mjs';
import { loadedPath } from '../inputs/routes.mjs';
import { AUDIENCE, createIssuer, ISSUER } from '../inputs/tokens.mjs';
import { median } from '../machine.mjs';
import { sendRequests } from './client.mjs';

const SUBJECT = fileURLToPath(new URL('subject.mjs', import.meta.url));
const BODY = '{"id":42,"name":"a widget"}';
/** Requests between two forced collections: what they allocate fits into the young generation. */
const WINDOW = 20_000;
const FLAGS = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];

/** How the gateway listens. */
export const listeners = {
  uws: { listener: 'uws' },
  threads: { listener: 'native', threads: 1 },
  loop: { listener: 'native', threads: 'loop' },
};

/**
 * Measures `requests` of each kind. Returns bytes a request (medians of windows) of the gateway and of a bare uWebSockets.js listener
 * that reads the same facts, and how much the collected heap grew from the second window to the last, in bytes a request.
 */
export async function measureHeap(requests, listener = 'uws') {
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-heap-'));
  const children = [];
  try {
    const issuer = await createIssuer();
    const settings = { issuer: ISSUER, audience: AUDIENCE, jwks: issuer.jwks, limit: openLimit, body: BODY };
    const listen = listeners[listener];
    const settingsFile = join(folder, 'settings.json');
    const start = async (mode) => {
      const child = fork(SUBJECT, [mode, settingsFile], { execArgv: FLAGS });
      children.push(child);
      return { child, port: (await reply(child)).port };
    };
    writeFileSync(settingsFile, JSON.stringify(settings));
    const reading = await start('reading');
    writeFileSync(settingsFile, JSON.stringify({ ...settings, listen, origin: reading.port }));
    const forward = await start('forward');
    const token = await issuer.token();
    // The bare listener is measured first: then it is the gateway's origin.
    const bare = await windows(reading, token, requests);
    const gateway = await windows(forward, token, requests);
    return { reading: bare.perRequest, forward: gateway.perRequest, growth: gateway.growth, requests };
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function reply(child) {
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the measured process ended with ${code}`);
  });
  // Only who still waits hears of the end.
  exited.catch(() => {});
  const [message] = await Promise.race([once(child, 'message'), exited]);
  return message;
}

async function windows({ child, port }, token, requests) {
  const ask = async (command) => {
    child.send(command);
    return reply(child);
  };
  const send = () => sendRequests({ port, path: loadedPath, token, body: BODY, count: WINDOW });
  await send();
  const seen = [];
  for (let sent = 0; sent < requests; sent += WINDOW) {
    await ask('open');
    await send();
    seen.push(await ask('close'));
  }
  const quiet = seen.filter(({ disturbed }) => !disturbed);
  if (quiet.length === 0) throw new Error('a collection ran in every window');
  const growth = seen.length < 2 ? 0 : (seen.at(-1).live - seen[1].live) / ((seen.length - 2) * WINDOW || 1);
  return { perRequest: median(quiet.map(({ allocated }) => allocated / WINDOW)), growth };
}
