// Handlers that fail in every way: the client gets one answer or a broken body, the log one line, and nothing is left behind.
import { describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { isNative } from '../support/listeners.ts';
import { RawClient, rawRequest, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';

const secret = 'password is hunter2';

describe('a handler that fails before its answer', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error(secret);
      },
    ],
    ['rejects', () => Promise.reject(new Error(secret))],
    [
      'throws no Error',
      () => {
        throw secret;
      },
    ],
    ['returns what is no answer', () => (() => secret) as never],
    ['returns a bigint inside', () => ({ n: 1n })],
  ] as [string, () => never][])(
    '%s: 500 without its message, one log line, the connection goes on',
    async (_, handler) => {
      const { port, lines, inFlight } = await startGateway({}, (gateway) =>
        gateway.get('/', handler).get('/ok', () => 'ok'),
      );
      const client = await RawClient.connect(port);
      const answer = await client.send(requestText('GET', '/')).answer();
      expect(answer.status).toBe(500);
      expect(answer.header('content-type')).toBe('application/problem+json');
      const problem = JSON.parse(answer.body.toString()) as Record<string, unknown>;
      expect(problem).toMatchObject({
        status: 500,
        code: 'internal_error',
        traceId: answer.header('x-trace-id'),
      });
      expect(answer.body.toString()).not.toContain('hunter2');
      const errors = lines.filter((line) => line.level === 'error');
      expect(errors).toHaveLength(1);
      expect(errors[0]?.fields).toMatchObject({ route: 'GET /', traceId: problem['traceId'] });
      expect((await client.send(requestText('GET', '/ok')).answer()).body.toString()).toBe('ok');
      expect(await inFlight()).toBe(0);
    },
  );
});

describe('a stream that fails', () => {
  it('after its head breaks the body: the client never sees a clean end', async () => {
    const arrived = gate();
    async function* dying(): AsyncGenerator<string> {
      yield 'first';
      await arrived.opened;
      throw new Error(secret);
    }
    const { port, lines, record, inFlight } = await startGateway({}, (gateway) =>
      gateway.get('/', () => dying()),
    );
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/'));
    client.socket.once('data', () => arrived.open());
    const answer = await client.answer();
    expect(answer.status).toBe(200);
    // uWebSockets.js ends a chunk when it sends the next.
    expect(answer.body.toString()).toBe(isNative ? 'first' : '');
    expect(answer.complete).toBe(false);
    await until('the log line', () => lines.some((line) => line.level === 'error'));
    expect(await record((one) => one.path === '/')).toMatchObject({ status: 200 });
    expect(await inFlight()).toBe(0);
  });

  it.each([
    ['at once', 0, 10],
    ['with less than the length that it promised', 3, 10],
    ['with more than the length that it promised', 20, 10],
  ])('%s is never a clean answer', async (_, sent, promised) => {
    const body = (): ReadableStream => new Blob(['a'.repeat(sent)]).stream();
    const { port, inFlight } = await startGateway({}, (gateway) => {
      gateway.get('/', () => new Response(body(), { headers: { 'content-length': String(promised) } }));
    });
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/'));
    const outcome = await client.answer().catch(() => null);
    expect(outcome?.complete ?? false).toBe(false);
    expect(outcome?.body.length ?? 0).toBeLessThanOrEqual(promised);
    await client.ended();
    expect(await inFlight()).toBe(0);
  });
});

describe('a client that goes away', () => {
  it('aborts the signal of a handler that hangs, and leaves nothing in flight', async () => {
    const seen = gate<AbortSignal>();
    const { port, record, inFlight, lines } = await startGateway({}, (gateway) => {
      gateway.get('/', ({ signal }) => {
        seen.open(signal);
        return new Promise(() => {});
      });
    });
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/'));
    const signal = await seen.opened;
    expect(signal.aborted).toBe(false);
    expect(await inFlight()).toBe(1);
    client.reset();
    await until('the signal', () => signal.aborted);
    expect(await record((one) => one.path === '/')).toMatchObject({ status: 499 });
    expect(await inFlight()).toBe(0);
    expect(lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('stops a stream: its generator is ended', async () => {
    const ended = gate();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(65_536);
      } finally {
        ended.open();
      }
    }
    const { port, inFlight } = await startGateway({}, (gateway) => gateway.get('/', () => endless()));
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/'));
    client.socket.pause();
    await until('the answer to begin', () => client.socket.bytesRead > 0);
    client.reset();
    await ended.opened;
    await until('nothing in flight', async () => (await inFlight()) === 0);
  });

  it.each(['end', 'reset'])(
    'by %s, in the middle of its body, fails the read with ERR_FG_BODY_ABORTED',
    async (how) => {
      const begun = gate();
      const failed = gate<unknown>();
      const { port } = await startGateway({}, (gateway) => {
        gateway.post('/', ({ body }) => {
          begun.open();
          return body.text().catch(failed.open);
        });
      });
      const client = await RawClient.connect(port);
      client.send(requestText('POST', '/', ['Content-Length: 100'], 'half'));
      await begun.opened;
      if (how === 'end') client.socket.end();
      else client.reset();
      expect(await failed.opened).toMatchObject({ code: 'ERR_FG_BODY_ABORTED' });
    },
  );

  it('does not matter to a handler that answers late', async () => {
    const late = gate();
    const started = gate();
    const { port, lines, url } = await startGateway({}, (gateway) => {
      gateway.get('/late', async (context) => {
        started.open();
        await late.opened;
        context.header('X-A', 'b');
        return `${context.path} ${context.ip}`;
      });
      gateway.get('/', () => 'ok');
    });
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/late'));
    await started.opened;
    client.reset();
    await until('the connection to be gone', () => client.socket.destroyed);
    expect(await (await fetch(url)).text()).toBe('ok');
    late.open();
    expect(await (await fetch(url)).text()).toBe('ok');
    expect(lines.filter((line) => line.level === 'error')).toEqual([]);
  });
});

describe('a body over the limit of the route', () => {
  it('is 413 before the handler runs when its length says so', async () => {
    let ran = false;
    const { port } = await startGateway({}, (gateway) => {
      gateway.post('/', { maxBodyBytes: '1kb' }, () => {
        ran = true;
        return 'x';
      });
    });
    const answer = await rawRequest(port, requestText('POST', '/', ['Content-Length: 1025']));
    expect(answer.status).toBe(413);
    expect(answer.header('connection')).toBe('close');
    expect(ran).toBe(false);
  });

  it('is 413 while it comes in chunks, and fails the read', async () => {
    const failed = gate<unknown>();
    const { port } = await startGateway({ listen: { chunkedRequests: 'accept' } }, (gateway) => {
      gateway.post('/', { maxBodyBytes: 10 }, ({ body }) => body.text().catch(failed.open));
    });
    const client = await RawClient.connect(port);
    client.send(requestText('POST', '/', ['Transfer-Encoding: chunked'], '8\r\n12345678\r\n'));
    client.send('8\r\n12345678\r\n');
    expect((await client.answer()).status).toBe(413);
    expect(await failed.opened).toMatchObject({ code: 'ERR_FG_BODY_TOO_LARGE' });
  });
});
