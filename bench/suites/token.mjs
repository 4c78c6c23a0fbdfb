// Token verifiers under one interface: a rival is made of a key set and says whether a token is good.
import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import { createLocalJWKSet, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { AUDIENCE, ISSUER } from '../inputs/tokens.mjs';
import { blockWith, openGateway } from './gateway.mjs';

/**
 * `{name, caches, isAsync, checksClaims, make({jwks, publicPem}) → {verify(input) → boolean or promise, close?}}`.
 * `input` is `prepare(token)`: the text in which the verifier gets it. `caches`: a token verified before is not verified anew; null: it has no cache, so its row stands beside both kinds. Without `checksClaims` only the signature is looked at.
 */
export const verifiers = [
  {
    name: 'ferrogate (request + finish)',
    caches: true,
    prepare: blockWith,
    make: (keys) => ferrogate(keys, 65_536),
  },
  {
    name: 'ferrogate (request + finish)',
    caches: false,
    prepare: blockWith,
    make: (keys) => ferrogate(keys, 0),
  },
  { name: 'fast-jwt with cache', caches: true, make: (keys) => fastJwt(keys, 65_536) },
  { name: 'fast-jwt', caches: false, make: (keys) => fastJwt(keys, false) },
  { name: 'jose', caches: null, isAsync: true, make: jose },
  { name: 'jsonwebtoken', caches: null, make: jsonWebToken },
  { name: 'node:crypto verify, signature only', caches: false, checksClaims: false, make: nodeCrypto },
].map((verifier) => ({ isAsync: false, checksClaims: true, prepare: (token) => token, ...verifier }));

function ferrogate({ jwks }, cacheEntries) {
  const gateway = openGateway({ routes: ['/'], jwks, cacheEntries });
  return {
    verify: (block) => gateway.decide('GET', '/', block) === 0,
    close: () => gateway.close(),
  };
}

function fastJwt({ publicPem }, cache) {
  const rules = { algorithms: ['RS256'], allowedIss: ISSUER, allowedAud: AUDIENCE, requiredClaims: ['exp'] };
  const verify = createVerifier({ key: publicPem, cache, clockTolerance: 30_000, ...rules });
  return {
    verify: (token) => {
      try {
        verify(token);
        return true;
      } catch {
        return false;
      }
    },
  };
}

function jose({ jwks }) {
  const keys = createLocalJWKSet(jwks);
  const rules = {
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: ['RS256'],
    clockTolerance: 30,
    requiredClaims: ['exp'],
  };
  return {
    verify: (token) =>
      jwtVerify(token, keys, rules).then(
        () => true,
        () => false,
      ),
  };
}

/** Its callback form would also make a task of its own of each token. */
function jsonWebToken({ publicPem }) {
  const key = createPublicKey(publicPem);
  const rules = { algorithms: ['RS256'], issuer: ISSUER, audience: AUDIENCE, clockTolerance: 30 };
  return {
    verify: (token) => {
      try {
        // It has no list of claims that must be there.
        return typeof jsonwebtoken.verify(token, key, rules).exp === 'number';
      } catch {
        return false;
      }
    },
  };
}

function nodeCrypto({ publicPem }) {
  const key = createPublicKey(publicPem);
  return {
    verify: (token) => {
      const dot = token.lastIndexOf('.');
      const signature = Buffer.from(token.slice(dot + 1), 'base64url');
      return verifySignature('RSA-SHA256', Buffer.from(token.slice(0, dot)), key, signature);
    },
  };
}
