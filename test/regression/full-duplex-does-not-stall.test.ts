// An exchange whose request and answer are both under way and both held back goes on when either side reads again.
import { request } from 'node:http';
import { expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const size = 24 * 1024 * 1024;
const piece = Buffer.alloc(65_536, 'full duplex ');

it.each([1, 2, 3, 4])('an echo that is read late comes back whole, round %i', async () => {
  const upstream = await startUpstream((incoming, response) => void incoming.pipe(response));
  const { port, inFlight } = await startGateway({
    listen: { maxBodyBytes: '64mb', chunkedRequests: 'accept' },
    upstreams: { back: { targets: [upstream.url] } },
    routes: [{ match: { path: '/' }, upstream: 'back' }],
  });
  const client = request({ port, method: 'POST', agent: false, headers: { 'transfer-encoding': 'chunked' } });
  let made = 0;
  const more = (): void => {
    while (made < size) {
      made += piece.length;
      if (!client.write(piece)) return;
    }
    client.end();
  };
  client.on('drain', more);
  more();
  let received = 0;
  const ended = new Promise<string>((resolve) => {
    client.on('response', (response) => {
      // Reads in bursts, so that the answer is held back again and again.
      response.on('data', (chunk: Buffer) => {
        received += chunk.length;
        response.pause();
        setImmediate(() => response.resume());
      });
      response.on('end', () => resolve('end'));
      response.on('error', (error) => resolve(error.message));
    });
  });
  expect([await ended, received]).toEqual(['end', size]);
  await until('nothing in flight', async () => (await inFlight()) === 0);
});
