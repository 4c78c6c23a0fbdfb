// Ten thousand idle connections: how many there are, what each costs, and that others are served.
import { expect, it } from 'vitest';
import { startChildGateway } from '../support/children.ts';
import { manyConnections } from '../support/listeners.ts';
import { descriptorLimit, metricAt, startIdleClients } from '../support/slow.ts';

/** Resident memory moves in steps of its own; measured is half a KiB of heap and slab for each. */
const MOST_BYTES_EACH = 4096;
const FIRST = 1_000;

it('10,000 idle connections are held at little memory each, and others are served', async () => {
  const count = Math.min(10_000, descriptorLimit() - 1_000);
  expect(count, 'descriptors of a process: raise ulimit -n').toBeGreaterThan(2 * FIRST);
  const listen = { ...manyConnections, keepAliveTimeout: '10m' };
  const child = await startChildGateway({ listen, records: false }, { handlers: true });
  const open = startIdleClients(child.port, '/js/hello');
  expect(await open(FIRST)).toBe(0);
  const before = await child.memory();
  expect(await open(count)).toBe(0);
  const after = await child.memory();
  expect(await metricAt(child.adminUrl, 'ferrogate_connections_open')).toBe(count);
  expect(child.descriptors()).toBeGreaterThan(count);
  expect((after.rss - before.rss) / (count - FIRST)).toBeLessThan(MOST_BYTES_EACH);
  for (let at = 0; at < 50; at += 1) {
    const answer = await fetch(`${child.url}/js/hello?name=${at}`);
    expect([answer.status, await answer.json()]).toEqual([200, { hello: `${at}` }]);
  }
  expect(await open(count), 'none was closed meanwhile').toBe(0);
}, 60_000);
