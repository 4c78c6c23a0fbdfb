// The upstream of the demo: a handful of endpoints that show what a gateway forwards; it stores nothing.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DemoServer, serveLoopback } from './serve.ts';

/** Lines of `/slow`, and milliseconds between two of them. */
const slowLines = 10;
const slowPauseMs = 300;
const maxEchoBytes = 1024 * 1024;

/** `/status`, `/orders/:id`, `/echo`, `/limited` as JSON and `/slow` as a stream of lines. */
export function startUpstream(): Promise<DemoServer> {
  return serveLoopback((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    if (path === '/echo') echo(request, response);
    else if (path === '/slow') stream(response);
    else answer(response, path);
  });
}

function answer(response: ServerResponse, path: string): void {
  const order = /^\/orders\/([0-9]{1,9})$/.exec(path)?.[1];
  if (order !== undefined) json(response, 200, { id: Number(order), item: 'anvil', quantity: 3 });
  else if (path === '/status') json(response, 200, { status: 'up' });
  else if (path === '/limited') json(response, 200, { message: 'one of your five' });
  else json(response, 404, { message: 'the demo upstream has no such page' });
}

/** Answers with the request as it arrived here: what the gateway added and took away can be seen. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  let size = 0;
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxEchoBytes) chunks.push(chunk);
  });
  request.on('end', () => {
    const { method, url, headers } = request;
    json(response, 200, { method, url, headers, body: Buffer.concat(chunks).toString() });
  });
}

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  let line = 0;
  const next = (): void => {
    line += 1;
    response.write(`line ${line} of ${slowLines}\n`);
    if (line === slowLines) response.end();
  };
  const timer = setInterval(next, slowPauseMs);
  next();
  response.on('close', () => clearInterval(timer));
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}
