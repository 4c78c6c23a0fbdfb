// A module of handlers that registers a route, keeps the gateway, and offers to register another later.
let kept;

/** Registers a route after the default export returned. */
export const registerLate = () => kept.get('/late', () => 'late');

/** Registers the routes. */
export default (gateway) => {
  kept = gateway;
  gateway.get('/early', () => 'early');
};
