// Clients that go away in the middle of a forwarded exchange: the upstream side is closed at once, and the record says 499.
import { describe, expect, it } from 'vitest';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { onHeads, startSocketUpstream, startUpstream, type Upstream } from '../support/upstream.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const forwardTo = (upstream: Upstream): Promise<ListeningGateway> =>
  startGateway({
    listen: { chunkedRequests: 'accept', maxBodyBytes: '100mb' },
    upstreams: { back: { targets: [upstream.url] } },
    routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
  });

describe('a client that goes away', () => {
  it.each(['end', 'reset'] as const)('before the answer, by %s', async (how) => {
    const up = await startUpstream(() => {});
    const gateway = await forwardTo(up);
    const client = await RawClient.connect(gateway.port);
    client.send(requestText('GET', '/gone'));
    await until('the request upstream', () => up.seen.length === 1);
    expect(await gateway.inFlight()).toBe(1);
    if (how === 'end') client.socket.destroy();
    else client.reset();
    await until('the upstream connection to be closed', () => up.open === 0);
    expect(await gateway.record((one) => one.path === '/gone')).toMatchObject({
      status: 499,
      verdict: 'client_gone',
    });
    expect(await gateway.inFlight()).toBe(0);
  });

  it('in the middle of the answer', async () => {
    const up = await startUpstream((_, response) => {
      response.on('error', () => {});
      const piece = Buffer.alloc(65_536);
      const more = (): void => {
        while (response.writable && response.write(piece));
      };
      response.on('drain', more);
      more();
    });
    const gateway = await forwardTo(up);
    const client = await RawClient.connect(gateway.port);
    client.send(requestText('GET', '/'));
    await until('some of the answer', () => client.socket.bytesRead > 100_000);
    client.reset();
    await until('the upstream connection to be closed', () => up.open === 0);
    expect(await gateway.record(() => true)).toMatchObject({ status: 200, verdict: 'client_gone' });
    expect(await gateway.inFlight()).toBe(0);
  });

  it.each([
    ['with a length', ['Content-Length: 1000000'], 'part'],
    ['in chunks', ['Transfer-Encoding: chunked'], '4\r\npart\r\n'],
  ])('in the middle of its body %s: the upstream sees it broken, never ended', async (_, lines, body) => {
    const received: string[] = [];
    const ends: string[] = [];
    const up = await startSocketUpstream((socket) => {
      socket.on('data', (chunk) => received.push(chunk.toString('latin1')));
      socket.on('close', () => ends.push('closed'));
    });
    const gateway = await forwardTo(up);
    const client = await RawClient.connect(gateway.port);
    client.send(requestText('POST', '/', lines, body));
    await until('the body upstream', () => received.join('').includes('part'));
    client.reset();
    await until('the upstream connection to be closed', () => ends.length === 1);
    expect(received.join('')).not.toMatch(/0\r\n\r\n$/);
    expect(await gateway.record(() => true)).toMatchObject({ status: 499 });
    expect(await gateway.inFlight()).toBe(0);
  });

  it('while it waits for a connection leaves the queue', async () => {
    const release: (() => void)[] = [];
    const up = await startSocketUpstream((socket) =>
      onHeads(socket, () => release.push(() => socket.write(ok))),
    );
    const gateway = await startGateway({
      upstreams: { back: { targets: [up.url], maxConnections: 1, connectTimeout: '10s' } },
      routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
    });
    const [first, second, third] = await Promise.all([0, 1, 2].map(() => RawClient.connect(gateway.port)));
    first?.send(requestText('GET', '/1'));
    await until('the first upstream', () => release.length === 1);
    second?.send(requestText('GET', '/2'));
    await until('two in flight', async () => (await gateway.inFlight()) === 2);
    third?.send(requestText('GET', '/3'));
    await until('three in flight', async () => (await gateway.inFlight()) === 3);
    second?.reset();
    expect(await gateway.record((one) => one.path === '/2')).toMatchObject({ status: 499 });
    release.shift()?.();
    expect((await first?.answer())?.status).toBe(200);
    await until('the third upstream', () => release.length === 1);
    release.shift()?.();
    expect((await third?.answer())?.status).toBe(200);
    expect(up.accepted).toBe(1);
  });

  it('does not harm the next request on that upstream', async () => {
    const up = await startUpstream((request, response) => {
      if (request.url !== '/hang') response.end(request.url);
    });
    const gateway = await forwardTo(up);
    for (let round = 0; round < 20; round += 1) {
      const client = await RawClient.connect(gateway.port);
      client.send(requestText('GET', '/hang'));
      await until(
        'the request upstream',
        () => up.seen.filter((seen) => seen.url === '/hang').length === round + 1,
      );
      client.reset();
      expect(await (await fetch(`${gateway.url}/ok${round}`)).text()).toBe(`/ok${round}`);
    }
    await until('nothing in flight', async () => (await gateway.inFlight()) === 0);
  });
});

describe('a client that stands still in its body', () => {
  it('is refused after idleTimeout, and its upstream exchange closed', async () => {
    const up = await startUpstream(() => {});
    const gateway = await startGateway({
      upstreams: { back: { targets: [up.url] } },
      routes: [{ match: { path: '/' }, upstream: 'back', idleTimeout: '100ms' }],
    });
    const client = await RawClient.connect(gateway.port);
    const answer = await client.send(requestText('POST', '/', ['Content-Length: 100'], 'half')).answer();
    expect([answer.status, answer.header('connection')]).toEqual([408, 'close']);
    await client.ended();
    await until('the upstream connection to be closed', () => up.open === 0);
    expect(await gateway.record(() => true)).toMatchObject({ status: 408, verdict: 'body_timeout' });
  });
});
