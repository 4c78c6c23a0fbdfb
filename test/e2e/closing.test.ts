// Closing while requests run: they end in time or are broken, nothing new comes in, nothing stays open.
import { describe, expect, it } from 'vitest';
import { createGateway } from '../../src/index.ts';
import { startGateway } from '../support/gateway.ts';
import { underTest } from '../support/listeners.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';

describe('close', () => {
  it('waits for exchanges that run, forwarded and handled, and takes no new connection', async () => {
    const release = gate();
    const up = await startUpstream(async (_, response) => {
      response.write('begun ');
      await release.opened;
      response.end('ended');
    });
    const config = {
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/up' }, upstream: 'back' }],
    };
    const { gateway, url, port, inFlight } = await startGateway(config, (made) => {
      made.get('/js', async () => {
        await release.opened;
        return 'handled';
      });
    });
    const forwarded = fetch(`${url}/up`).then((response) => response.text());
    const handled = fetch(`${url}/js`).then((response) => response.text());
    await until('both in flight', async () => (await inFlight()) === 2);
    let closed = false;
    const closing = gateway.close({ timeoutMs: 10_000 }).then(() => {
      closed = true;
    });
    await until('the port to be closed', () =>
      RawClient.connect(port).then(
        (client) => client.ended().then(() => false),
        () => true,
      ),
    );
    expect(closed).toBe(false);
    release.open();
    expect(await Promise.all([forwarded, handled])).toEqual(['begun ended', 'handled']);
    await closing;
    await until('the upstream connections to be closed', () => up.open === 0);
  });

  it('serves a request that still comes over an open connection, and closes it', async () => {
    const { gateway, port, inFlight } = await startGateway({}, (made) => {
      made.get('/hang', () => new Promise(() => {})).get('/', () => 'ok');
    });
    const [hanging, idle] = await Promise.all([RawClient.connect(port), RawClient.connect(port)]);
    expect((await idle.send(requestText('GET', '/')).answer()).status).toBe(200);
    hanging.send(requestText('GET', '/hang'));
    await until('one in flight', async () => (await inFlight()) === 1);
    const closing = gateway.close({ timeoutMs: 10_000 });
    const answer = await idle.send(requestText('GET', '/')).answer();
    expect([answer.status, answer.header('connection')]).toEqual([200, 'close']);
    expect(answer.body.toString()).toBe('ok');
    await idle.ended();
    hanging.reset();
    await closing;
  });

  it('ends the connections of answers that were under way', async () => {
    const release = gate();
    const { gateway, port, inFlight } = await startGateway({}, (made) => {
      made.get('/whole', () => release.opened.then(() => 'whole'));
      made.get('/none', () => release.opened.then(() => undefined));
      made.get('/stream', () => release.opened.then(() => new Blob(['stream']).stream()));
    });
    const paths = ['/whole', '/none', '/stream'];
    const clients = await Promise.all(paths.map(() => RawClient.connect(port)));
    clients.forEach((client, at) => void client.send(requestText('GET', paths[at] as string)));
    await until('all in flight', async () => (await inFlight()) === 3);
    const closing = gateway.close({ timeoutMs: 10_000 });
    expect(gateway.ready()).toEqual({ ready: false, reasons: ['the gateway is closing'] });
    release.open();
    const answers = await Promise.all(clients.map((client) => client.answer()));
    expect(answers.map((answer) => [answer.complete, answer.header('connection')])).toEqual(
      paths.map(() => [true, 'close']),
    );
    await closing;
  });

  it('breaks what is left after timeoutMs: clients see a broken body, upstreams a closed connection', async () => {
    const up = await startUpstream((_, response) => response.write('begun'));
    const config = {
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/up' }, upstream: 'back' }],
    };
    let aborted = false;
    const { gateway, port, inFlight } = await startGateway(config, (made) => {
      made.get('/js', ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      });
    });
    const [streaming, waiting] = await Promise.all([RawClient.connect(port), RawClient.connect(port)]);
    streaming.send(requestText('GET', '/up'));
    waiting.send(requestText('GET', '/js'));
    await until('the answer to begin', () => streaming.socket.bytesRead > 0);
    await until('two in flight', async () => (await inFlight()) === 2);
    await gateway.close({ timeoutMs: 50 });
    expect((await streaming.answer()).complete).toBe(false);
    await waiting.ended();
    expect(aborted).toBe(true);
    await until('the upstream connection to be closed', () => up.open === 0);
  });

  it('ends idle keep-alive connections at once', async () => {
    const { gateway, port } = await startGateway({}, (made) => made.get('/', () => 'ok'));
    const client = await RawClient.connect(port);
    expect((await client.send(requestText('GET', '/')).answer()).status).toBe(200);
    await gateway.close({ timeoutMs: 10_000 });
    expect((await client.ended()).rest.length).toBe(0);
  });

  it('while a gateway still starts, or before it ever did, ends it', async () => {
    const logger = { info() {}, warn() {}, error() {} };
    const never = createGateway({}, { logger });
    await never.close();
    const starting = createGateway({ upstreams: { back: { targets: ['http://localhost:1'] } } }, { logger });
    const listening = starting.listen({ port: 0, ...underTest }).catch((error: unknown) => error);
    await starting.close({ timeoutMs: 0 });
    const outcome = (await listening) as { url?: string };
    if (outcome.url !== undefined) await expect(fetch(outcome.url)).rejects.toThrow();
  });

  it('a hundred times over leaves nothing behind', async () => {
    const up = await startUpstream();
    for (let round = 0; round < 100; round += 1) {
      const gateway = createGateway(
        {
          upstreams: { back: { targets: [up.url] } },
          routes: [{ match: { path: '/' }, upstream: 'back' }],
          records: false,
        },
        { logger: { info() {}, warn() {}, error() {} } },
      );
      const { url } = await gateway.listen({ port: 0, ...underTest });
      expect((await fetch(url, { headers: { connection: 'close' } })).status).toBe(200);
      await gateway.close();
    }
    await until('every upstream connection to be closed', () => up.open === 0);
    expect(up.seen).toHaveLength(100);
  });
});
