// A module of handlers with a route that demands a token.
/** Registers the route. */
export default (gateway) => {
  gateway.get('/user', { jwt: 'main' }, ({ claims }) => claims.sub);
};
