// A module of handlers that answer at once, and one that takes a while.
import { setTimeout } from 'node:timers/promises';

/** Registers the routes. */
export default (gateway) => {
  gateway.get('/js', () => 'at once');
  gateway.get('/js/later', () => setTimeout(20, 'later'));
};
