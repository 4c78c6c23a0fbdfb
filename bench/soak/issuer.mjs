// Token issuers whose keys change: a key-set endpoint that always gives the newest keys, and tokens of each.
import { createServer } from 'node:http';
import { createIssuer } from '../inputs/tokens.mjs';
import { AUDIENCE, ISSUER } from './config.mjs';

/** Keys that are published at a time. */
const PUBLISHED = 2;
/** Subjects of each key: few enough for the gateway to remember, many enough to be mixed up. */
const SUBJECTS = 64;

/** Starts the endpoint with one key. */
export async function startIssuer() {
  const keys = [];
  let made = 0;
  let fetches = 0;
  const server = createServer((_, response) => {
    fetches += 1;
    const published = keys.slice(-PUBLISHED).flatMap(({ issuer }) => issuer.jwks.keys);
    response.setHeader('Content-Type', 'application/jwk-set+json').end(JSON.stringify({ keys: published }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const add = async () => {
    made += 1;
    keys.push(await makeKey(`soak-${made}`));
    if (keys.length > PUBLISHED + 1) keys.shift();
  };
  await add();
  return {
    jwks: `http://127.0.0.1:${server.address().port}/jwks.json`,
    get fetches() {
      return fetches;
    },
    /** A further key; the oldest published one is published no more. */
    add,
    /** Tokens of the newest key: `{good, unscoped, expired, foreign}`, and `retired` ones of a key that is gone. */
    tokens: () => ({
      ...keys.at(-1).tokens,
      retired: keys.length > PUBLISHED ? keys[0].tokens.good : [],
    }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function makeKey(kid) {
  const issuer = await createIssuer(kid);
  const of = (subject, changes) => issuer.token(subject, { iss: ISSUER, aud: AUDIENCE, ...changes });
  const past = Math.floor(Date.now() / 1000) - 3600;
  const subjects = Array.from({ length: SUBJECTS }, (_, at) => `${kid}-${at}`);
  const good = await Promise.all(subjects.map(async (user) => ({ user, token: await of(user) })));
  const [unscoped, expired, foreign] = await Promise.all([
    of('unscoped', { scope: 'write:orders' }),
    of('expired', { exp: past }),
    of('foreign', { aud: 'others' }),
  ]);
  return { issuer, tokens: { good, unscoped, expired, foreign } };
}
