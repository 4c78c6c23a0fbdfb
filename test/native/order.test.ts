// Clients that send ahead and clients that end their side: answers come whole and in the order of the requests.
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { gate, until } from '../support/until.ts';
import { startUpstream } from '../support/upstream.ts';
import { forwardingTo, startNative } from './support.ts';

/** `/slow` is answered when the gate opens, everything else at once, each with its own path. */
async function slowUpstream() {
  const open = gate();
  const up = await startUpstream(async (request, response) => {
    if (request.url?.startsWith('/slow')) await open.opened;
    response.end(request.url);
  });
  return { up, open: () => open.open() };
}

const withHandlers = (gateway: import('../../src/index.ts').Gateway): void => {
  gateway.get('/js/:name', ({ params }) => `js ${params.name}`);
};

describe('requests sent ahead', () => {
  it.each([
    ['forwarded', ['/slow', '/a', '/b']],
    ['forwarded before handled', ['/slow', '/js/a', '/b']],
    ['forwarded before refused', ['/slow', '/a//b', '/b']],
    ['handled before forwarded', ['/js/a', '/slow', '/js/b']],
  ])('%s: the slow one holds the others back', async (_, targets) => {
    const { up, open } = await slowUpstream();
    const { port } = await startNative({}, forwardingTo(up.url), withHandlers);
    const client = await RawClient.connect(port);
    client.send(targets.map((target) => requestText('GET', target)).join(''));
    await until('the slow one upstream', () => up.seen.some(({ url }) => url === '/slow'));
    open();
    for (const target of targets) {
      const answer = await client.answer();
      const body = answer.status === 200 ? answer.body.toString() : String(answer.status);
      const expected = target.startsWith('/js/') ? `js ${target.slice(4)}` : target;
      expect(body).toBe(target.includes('//') ? '400' : expected);
    }
  });

  it('300 at once, of every kind, are all answered in order', async () => {
    const up = await startUpstream((request, response) => response.end(request.url));
    const { port } = await startNative({}, forwardingTo(up.url), withHandlers);
    const client = await RawClient.connect(port);
    const targets = Array.from({ length: 300 }, (_, at) => (at % 3 === 0 ? `/js/${at}` : `/up/${at}`));
    client.send(targets.map((target) => requestText('GET', target)).join(''));
    const bodies: string[] = [];
    for (const _ of targets) bodies.push((await client.answer()).body.toString());
    expect(bodies).toEqual(targets.map((target) => target.replace('/js/', 'js ')));
  });

  it('bodies too: each belongs to its request', async () => {
    const up = await startUpstream((request, response) => void request.pipe(response));
    const { port } = await startNative({}, forwardingTo(up.url));
    const client = await RawClient.connect(port);
    const post = (body: string): string => requestText('POST', '/', [`Content-Length: ${body.length}`], body);
    const chunks = (body: string): string =>
      requestText('POST', '/', ['Transfer-Encoding: chunked'], `${body.length}\r\n${body}\r\n0\r\n\r\n`);
    client.send(post('one') + chunks('two') + post('') + chunks('four'));
    const bodies: string[] = [];
    for (let at = 0; at < 4; at += 1) bodies.push((await client.answer()).body.toString());
    expect(bodies).toEqual(['one', 'two', '', 'four']);
  });
});

describe('a client that ends its side', () => {
  it.each(['/slow', '/js/late'])('gets the answer of %s, then the end', async (target) => {
    const { up, open } = await slowUpstream();
    const late = gate<string>();
    const { port } = await startNative({ halfCloseTimeout: '20s' }, forwardingTo(up.url), (gateway) => {
      gateway.get('/js/late', () => late.opened);
    });
    const client = await RawClient.connect(port);
    client.send(requestText('GET', target));
    client.socket.end();
    if (target === '/slow') await until('it upstream', () => up.seen.length === 1);
    open();
    late.open('late');
    const answer = await client.answer();
    expect([answer.status, answer.complete]).toEqual([200, true]);
    expect((await client.ended()).how).toBe('end');
  });

  it('after two requests gets both answers', async () => {
    const { up, open } = await slowUpstream();
    const { port } = await startNative({ halfCloseTimeout: '20s' }, forwardingTo(up.url));
    const client = await RawClient.connect(port);
    client.send(requestText('GET', '/slow') + requestText('GET', '/b'));
    client.socket.end();
    await until('the first upstream', () => up.seen.length > 0);
    open();
    expect([(await client.answer()).body.toString(), (await client.answer()).body.toString()]).toEqual([
      '/slow',
      '/b',
    ]);
    expect((await client.ended()).how).toBe('end');
  });

  it('and waits for ever is aborted after halfCloseTimeout', async () => {
    const { up } = await slowUpstream();
    const { port, record } = await startNative({ halfCloseTimeout: '100ms' }, forwardingTo(up.url));
    const client = await byteClient(port);
    client.send(requestText('GET', '/slow'));
    client.socket.end();
    await until('the upstream connection to be made and closed', () => up.accepted === 1 && up.open === 0);
    expect(await record(() => true)).toMatchObject({ status: 499, verdict: 'client_gone' });
  });

  it('in the middle of a body is not served', async () => {
    const { up } = await slowUpstream();
    const { port } = await startNative({}, forwardingTo(up.url));
    const client = await byteClient(port);
    client.send(requestText('POST', '/slow', ['Content-Length: 9'], 'part'));
    client.socket.end();
    expect(await client.closed()).toMatch(/^(?:HTTP\/1\.1 400 |$)/);
    await until('the upstream connection to be closed', () => up.open === 0);
  });
});
