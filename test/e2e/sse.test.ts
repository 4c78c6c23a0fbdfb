// Server-sent events: each event reaches the client before the next one is made, from an upstream and from a handler.
import { expect, it } from 'vitest';
import type { Gateway } from '../../src/index.ts';
import { byteClient } from '../listener/client.ts';
import { startGateway } from '../support/gateway.ts';
import { requestText } from '../support/raw.ts';
import { type Gate, gate } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

const count = 5;
const event = (at: number): string => `id: ${at}\ndata: event ${at}\n\n`;

/** The events, each when its gate opens. */
async function* events(gates: readonly Gate[]): AsyncGenerator<string> {
  for (const [at, one] of gates.entries()) {
    await one.opened;
    yield event(at);
  }
}

it.each(['/up', '/js'])('%s: every event comes alone', async (target) => {
  const gates = Array.from({ length: count }, () => gate());
  const up = await startUpstream(async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    for await (const text of events(gates)) response.write(text);
    response.end();
  });
  const config = {
    upstreams: { back: { targets: [up.url] } },
    routes: [{ match: { path: '/up' }, upstream: 'back' }],
  };
  const { port } = await startGateway(config, (gateway: Gateway) => {
    gateway.get('/js', (context) => {
      context.header('Content-Type', 'text/event-stream');
      return events(gates);
    });
  });
  const client = await byteClient(port);
  client.send(requestText('GET', target));
  for (const [at, one] of gates.entries()) {
    one.open();
    const text = await client.until(event(at).trimEnd());
    expect(text).not.toContain(`event ${at + 1}`);
  }
  expect(await client.until('\r\n0\r\n\r\n')).toMatch(/\r\ncontent-type: text\/event-stream\r\n/i);
});
