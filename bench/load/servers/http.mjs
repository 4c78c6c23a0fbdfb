// Node's own server, which answers every request with the same body: node http.mjs PORT BODY
import { createServer } from 'node:http';

const [port, body] = process.argv.slice(2);
const HOUR = 3_600_000;
createServer({ keepAliveTimeout: HOUR }, (_request, response) => {
  response.end(body);
}).listen({ host: '127.0.0.1', port: Number(port), backlog: 16_384 });
