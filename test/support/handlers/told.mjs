// A module of handlers that notes the number of each request in the file that the environment names, then answers; every third takes a while.
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

let number = 0;

/** Registers the routes. */
export default (gateway) => {
  gateway.get('/js', async ({ query }) => {
    appendFileSync(process.env.FERROGATE_TEST_TAKEN, `${query.toString()}\n`);
    number += 1;
    if (number % 3 !== 0) return 'at once';
    return setTimeout(20, 'later');
  });
};
