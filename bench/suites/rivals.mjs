// The rivals of every suite and the inputs that they are compared on, for the test that proves their answers equal.
export { githubRoutes, pathOf, tableRoutes } from '../inputs/routes.mjs';
export { AUDIENCE, createIssuer, ISSUER } from '../inputs/tokens.mjs';
export { limiters } from './limit.mjs';
export { routers } from './router.mjs';
export { verifiers } from './token.mjs';
