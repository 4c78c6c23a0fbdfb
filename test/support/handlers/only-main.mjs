// A module of handlers that registers one of its routes in the main environment alone.
import { isMainThread } from 'node:worker_threads';

/** Registers the routes. */
export default (gateway) => {
  gateway.get('/both', () => 'both');
  if (isMainThread) gateway.get('/some', { id: 'some' }, () => 'some');
};
