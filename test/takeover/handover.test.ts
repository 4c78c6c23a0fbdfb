// What the two sides of a takeover say to each other, in order and out of order; nothing that goes wrong takes the sockets away from the one that runs.
import { once } from 'node:events';
import { closeSync, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lineOf } from '../../src/takeover/conversation.ts';
import { type Taken, take } from '../../src/takeover/take.ts';
import { until } from '../support/until.ts';
import { giving, listening, native, place } from './support.ts';

async function taken(path: string): Promise<Taken> {
  const got = await take(native, path);
  if (got === null) throw new Error('nobody gives');
  onTestFinished(() => got.giveUp());
  return got;
}

/** An instance that answers every request with `answer`, and says nothing more. */
async function answering(path: string, answer: string): Promise<void> {
  const server = createServer((socket) => {
    // The other side may break off before it has read everything.
    socket.on('error', () => {}).once('data', () => socket.write(answer));
  });
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
}

/** A taker of bare lines. */
async function bare(path: string, ...lines: string[]): Promise<Socket> {
  const socket = connect(path);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  for (const line of lines) socket.write(line);
  return socket;
}

describe('a takeover', () => {
  it('hands over every socket with what it is, closed on exec, and lets go at "ready"', async () => {
    const path = place();
    const own = listening('http', 'http', 'admin');
    const side = giving(path, own);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    const got = await taken(path);
    const named = (sockets: readonly object[]): object[] => sockets.map((socket) => ({ ...socket, fd: 0 }));
    expect(named(got.sockets)).toEqual(named(own));
    for (const [at, { fd }] of got.sockets.entries()) {
      // The same socket under another number.
      expect(fstatSync(fd).ino).toBe(fstatSync(own[at]?.fd ?? -1).ino);
      const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
      expect(Number.parseInt(flags, 8) & 0o2000000).not.toBe(0);
      closeSync(fd);
    }
    expect(side.taken).toBe(0);
    await got.confirm();
    await until('the old side to let go', () => side.taken === 1);
    expect(side.warnings).toEqual([]);
  });

  it('is served to one at a time, and to nobody after it is done', async () => {
    const path = place();
    giving(path, listening('http'));
    const first = await taken(path);
    await expect(take(native, path)).rejects.toThrow('another takeover is under way');
    await first.confirm();
    await expect(take(native, path)).rejects.toThrow('another takeover is under way');
  });

  it.each([
    ['goes away', () => {}, undefined],
    ['stays silent', (got: Taken) => got, 20],
  ])('of a taker that %s changes nothing', async (_name, keep, readyTimeoutMs) => {
    const path = place();
    const side = giving(path, listening('http'), readyTimeoutMs === undefined ? {} : { readyTimeoutMs });
    const first = await taken(path);
    if (keep(first) === undefined) first.giveUp();
    await until('the old side to notice', () => side.warnings.length === 1);
    expect(side.warnings[0]?.message).toBe('a takeover broke off: this instance serves on');
    expect(side.taken).toBe(0);
    // A taker that comes too late is told so, and has to end.
    if (readyTimeoutMs !== undefined) {
      await expect(first.confirm()).rejects.toMatchObject({ code: 'ERR_FG_TAKEOVER_FAILED' });
      expect(side.taken).toBe(0);
      await until('the broken attempts to end', () => side.warnings.length >= 2);
    }
    const second = await taken(path);
    await second.confirm();
    expect(side.taken).toBe(1);
  });

  it('goes on alone when the old side ends by itself meanwhile', async () => {
    const path = place();
    const side = giving(path, listening('http'));
    const got = await taken(path);
    side.stop();
    await got.confirm();
    expect(side.taken).toBe(0);
  });
});

describe('nobody gives', () => {
  it('where no file is', async () => {
    expect(await take(native, place())).toBeNull();
  });

  it('where a process left its socket behind', async () => {
    const path = place();
    giving(path, []).stop();
    expect(lstatSync(path).isSocket()).toBe(true);
    expect(await take(native, path)).toBeNull();
  });
});

describe('the new side refuses', () => {
  it.each([
    ['no JSON', 'hello\n', 'no JSON'],
    ['no message', '[1]\n', 'no message'],
    ['another version', '{"ferrogate":2,"sockets":[]}\n', 'version 2'],
    ['no version', '{"sockets":[]}\n', 'no version'],
    ['names without sockets', lineOf({ sockets: [{ role: 'http', host: 'a', port: 1 }] }), 'other sockets'],
    ['no names', lineOf({}), 'other sockets'],
    ['an endless line', 'x'.repeat(40_000), 'too long'],
    ['bytes that are no text', Buffer.from([0xff, 0x0a]) as unknown as string, ''],
  ])('%s', async (_name, answer, message) => {
    const path = place();
    await answering(path, answer);
    const refused = expect(take(native, path)).rejects;
    await refused.toMatchObject({
      code: 'ERR_FG_TAKEOVER_FAILED',
      message: expect.stringContaining(message),
    });
  });

  it('an answer that does not come in time', async () => {
    const path = place();
    await answering(path, '{');
    await expect(take(native, path, 20)).rejects.toThrow('does not answer in time');
  });

  const offering = (path: string, names: object[], fds: number[]): void => {
    const acceptor = native.takeoverServe(path, (fd) => {
      native.takeoverSend(fd, lineOf({ sockets: names }), fds);
    });
    onTestFinished(() => native.acceptorClose(acceptor));
  };

  it('a descriptor that is no listening TCP socket', async () => {
    const path = place();
    const file = openSync('/dev/null', 'r');
    onTestFinished(() => closeSync(file));
    offering(path, [{ role: 'http', host: '127.0.0.1', port: 1 }], [file]);
    await expect(take(native, path)).rejects.toThrow('no listening TCP socket');
  });

  it.each([
    ['another port', { role: 'http', host: '127.0.0.1', port: 1 }],
    ['an unknown role', { role: 'other', host: '127.0.0.1' }],
    ['no host', { role: 'http' }],
  ])('a socket with %s', async (_name, name) => {
    const path = place();
    const [socket] = listening('http');
    offering(path, [{ port: socket?.port, ...name }], [socket?.fd ?? -1]);
    await expect(take(native, path)).rejects.toThrow('does not fit');
  });
});

describe('the old side', () => {
  it.each([
    ['no JSON', 'GET / HTTP/1.1\r\n', 'no JSON'],
    ['another version', '{"ferrogate":9}\n', 'version 9'],
    ['an answer that is not "ready"', `${lineOf({})}${lineOf({})}`, 'not ready'],
  ])('refuses %s and says so', async (_name, lines, message) => {
    const path = place();
    const side = giving(path, []);
    const socket = await bare(path, lines);
    expect(await text(socket)).toContain(message);
    expect([side.taken, side.warnings.length]).toEqual([0, 1]);
  });

  it('hands over 64 sockets, and not one more', async () => {
    const path = place();
    const [one] = listening('http');
    if (one === undefined) throw new Error('no socket');
    const sockets = Array.from({ length: 64 }, () => one);
    const side = giving(path, sockets);
    const got = await taken(path);
    expect(got.sockets).toHaveLength(64);
    for (const { fd } of got.sockets) closeSync(fd);
    got.giveUp();
    await until('the old side to notice', () => side.warnings.length === 1);
    sockets.push(one);
    await expect(take(native, path)).rejects.toThrow('more than 64');
  });
});
