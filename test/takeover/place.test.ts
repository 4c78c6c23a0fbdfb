// Where the local socket may be, who may speak there, and how one instance replaces another's file.
import { once } from 'node:events';
import { chmodSync, chownSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkPlace, Place } from '../../src/takeover/place.ts';
import { take } from '../../src/takeover/take.ts';
import { until } from '../support/until.ts';
import { asNobody, giving, isRoot, listening, native, openToAll, place } from './support.ts';

const failure = (message: string): object => ({
  code: 'ERR_FG_TAKEOVER_FAILED',
  message: expect.stringContaining(message),
});

function refusal(path: string): unknown {
  try {
    return checkPlace(path);
  } catch (error) {
    return error;
  }
}

describe('a path is refused', () => {
  it('in a folder that others can write to, unless nobody can replace files of others there', () => {
    const path = place();
    for (const mode of [0o777, 0o770, 0o702]) {
      chmodSync(dirname(path), mode);
      expect(refusal(path)).toMatchObject(failure('others can write'));
    }
    chmodSync(dirname(path), 0o1777);
    expect(refusal(path)).toBeUndefined();
  });

  it('without a folder', () => {
    expect(refusal(join(place(), 'a'))).toMatchObject(failure('no folder'));
  });

  it('that holds something else', () => {
    const path = place();
    writeFileSync(path, 'mine');
    expect(refusal(path)).toMatchObject(failure('no socket'));
  });

  it('that is too long for the system', () => {
    const path = join(dirname(place()), 'x'.repeat(120));
    expect(() => giving(path, [])).toThrow('too long');
  });
});

describe('a place', () => {
  it('goes from one instance to the next in one step, and is left by the last one only', async () => {
    const path = place();
    const [first, second] = [new Place(path), new Place(path)];
    giving(first.temporary, []);
    first.occupy();
    const before = lstatSync(path).ino;
    giving(second.temporary, []);
    expect(lstatSync(path).ino).toBe(before);
    second.occupy();
    first.leave();
    expect(lstatSync(path).ino).not.toBe(before);
    second.leave();
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('that was never taken leaves nothing', () => {
    const path = place();
    const only = new Place(path);
    giving(only.temporary, []);
    only.leave();
    expect(lstatSync(only.temporary, { throwIfNoEntry: false })).toBeUndefined();
    only.leave();
  });
});

// Only root can start a process of another user.
describe.runIf(isRoot)('another user', () => {
  const asking = `import { connect } from 'node:net';
    const socket = connect(process.argv[1]);
    socket.on('connect', () => socket.write('{"ferrogate":1}\\n'));
    socket.on('data', (data) => console.log('got', data.length));
    socket.on('error', (error) => console.log(error.code));
    socket.on('close', () => console.log('closed'));`;

  it('cannot connect, and where the file lets it, gets nothing', async () => {
    const path = place();
    const side = giving(path, listening('http'));
    chmodSync(dirname(path), 0o755);
    expect(await asNobody(asking, path).ended).toContain('EACCES');
    openToAll(path);
    expect(await asNobody(asking, path).ended).not.toContain('got');
    await until('a warning', () => side.warnings.length === 1);
    expect(side.warnings[0]).toEqual({
      fields: { peer: 'uid 65534' },
      message: 'a takeover by another user is refused',
    });
  });

  it('is not believed when it gives', async () => {
    const path = place();
    chmodSync(dirname(path), 0o777);
    const giver = `import { createServer } from 'node:net';
      createServer((socket) => socket.end('{"ferrogate":1,"sockets":[]}\\\\n')).listen(process.argv[1], () => console.log('up'));`;
    const other = asNobody(giver, path);
    await other.said;
    await expect(take(native, path)).rejects.toMatchObject(failure('another user'));
    other.kill();
  });

  it('does not own the folder', () => {
    const folder = join(dirname(place()), 'theirs');
    mkdirSync(folder, 0o700);
    chownSync(folder, 65_534, 65_534);
    expect(refusal(join(folder, 'socket'))).toMatchObject(failure('belongs to another user'));
  });
});

describe('a socket made by something else', () => {
  it('that closes at once is an error, not a takeover', async () => {
    const path = place();
    const server = createServer((socket) => socket.end());
    server.listen(path);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    await expect(take(native, path)).rejects.toMatchObject(failure('closed the connection'));
  });
});
