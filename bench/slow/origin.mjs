// The origin of small answers behind the gateway: node origin.mjs PORT
import { createServer } from 'node:http';

const server = createServer({ keepAliveTimeout: 3_600_000 }, (request, response) => {
  if (request.method === 'GET') response.end('{"hello":"world"}');
  // A body that never ends gets no answer.
  else request.resume().on('end', () => response.end());
});
server.requestTimeout = 0;
server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 16_384 });
