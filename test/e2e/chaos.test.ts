// Clients and upstreams that break off anywhere, in every combination, by a fixed seed: the gateway lives on and nothing is left behind.
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { startChildGateway } from '../support/children.ts';
import { until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const rounds = 1_500;
const atOnce = 48;

/** Numbers from 0 to 1, the same ones in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Answers, or breaks, as the number in the query says. */
function flaky(incoming: IncomingMessage, response: ServerResponse): void {
  const how = Number(new URL(incoming.url ?? '/', 'http://a').searchParams.get('how'));
  const size = Math.floor(how * 400_000);
  incoming.on('error', () => {});
  response.on('error', () => {});
  if (how < 0.1) return void incoming.socket.resetAndDestroy();
  if (how < 0.2) {
    response.writeHead(200, { 'content-length': size });
    response.write(Buffer.alloc(size >> 1), () => response.destroy());
  } else if (how < 0.3) {
    response.write(Buffer.alloc(size), () => incoming.socket.resetAndDestroy());
  } else if (how < 0.4) incoming.socket.end('HTTP/1.1 nonsense\r\n\r\n');
  else if (how < 0.5) response.writeHead(413, { connection: 'close' }).end('no');
  else if (how < 0.7) incoming.pipe(response);
  else incoming.resume().on('end', () => response.end(Buffer.alloc(size)));
}

const targets = ['/up', '/up', '/up', '/js/hello', '/js/stream', '/js/throw', '/js/never', '/none'];

/** One request on a connection of its own; what became of it. */
function one(port: number, random: () => number): Promise<string> {
  const target = targets[Math.floor(random() * targets.length)] ?? '/';
  const hasBody = random() < 0.5;
  const body = Buffer.alloc(Math.floor(random() * 300_000));
  const headers = hasBody && random() < 0.5 ? { 'content-length': body.length } : {};
  const path = `${target}?how=${random()}`;
  const leavesAfter = target === '/js/never' || random() < 0.4 ? Math.floor(random() * 20) : -1;
  const client = request({ port, path, method: hasBody ? 'POST' : 'GET', headers, agent: false });
  if (hasBody) client.write(body.subarray(0, body.length >> 1));
  let turns = 0;
  const turn = (): void => {
    if (turns === leavesAfter) return void client.destroy();
    turns += 1;
    if (turns === 10) client.end(hasBody ? body.subarray(body.length >> 1) : undefined);
    if (turns < 20) setImmediate(turn);
  };
  turn();
  return outcomeOf(client);
}

function outcomeOf(client: ClientRequest): Promise<string> {
  return new Promise((resolve) => {
    client.on('error', () => resolve('broken'));
    client.on('close', () => resolve('closed'));
    client.on('response', (response) => {
      response.on('error', () => resolve('broken'));
      response.on('end', () => resolve(String(response.statusCode)));
      response.resume();
    });
  });
}

it('a gateway between clients and upstreams that break off anywhere', async () => {
  const upstream = await startUpstream(flaky);
  const child = await startChildGateway(
    {
      listen: { maxBodyBytes: '4mb', chunkedRequests: 'accept' },
      upstreams: { back: { targets: [upstream.url], maxConnections: 32, connectTimeout: '20s' } },
      routes: [{ match: { path: '/up' }, upstream: 'back', timeout: '5s' }],
    },
    { handlers: true },
  );
  const before = child.descriptors();
  const random = numbers(2_026);
  const outcomes: Record<string, number> = {};
  const lane = async (): Promise<void> => {
    for (let at = 0; at < rounds / atOnce; at += 1) {
      const outcome = await one(child.port, random);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(['200', '404', '500', '502', 'broken']));
  const metrics = async (name: string): Promise<number> => {
    const text = await (await fetch(`${child.adminUrl}/metrics`)).text();
    const lines = text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'));
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  await until('nothing in flight', async () => (await metrics('ferrogate_http_requests_in_flight')) === 0);
  expect(await metrics('ferrogate_upstream_connections')).toBeLessThanOrEqual(32);
  await until('its descriptors to be closed', () => child.descriptors() <= before + 32);
  expect(await (await fetch(`${child.url}/js/hello?name=you`)).json()).toEqual({ hello: 'you' });
  expect((await fetch(`${child.url}/up?how=0.9`)).status).toBe(200);
  expect(child.errors()).toBe('');
}, 60_000);
