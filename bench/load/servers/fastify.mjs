// fastify with @fastify/http-proxy, no policies: node fastify.mjs PORT ORIGIN_PORT
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [port, origin] = process.argv.slice(2);
const HOUR = 3_600_000;
const app = fastify({ logger: false, keepAliveTimeout: HOUR });
await app.register(proxy, {
  upstream: `http://127.0.0.1:${origin}`,
  undici: { connections: 128, pipelining: 1, keepAliveTimeout: HOUR },
});
await app.listen({ host: '127.0.0.1', port: Number(port), backlog: 16_384 });
