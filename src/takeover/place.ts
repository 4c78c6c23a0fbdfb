// The file that takers look for: who may have put it there, and how one instance puts its own in place of another's.
import { randomBytes } from 'node:crypto';
import { lstatSync, renameSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { failed } from './conversation.ts';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Refuses a path at which somebody else could put a socket of theirs, or that holds something else.
 * @throws GatewayError `ERR_FG_TAKEOVER_FAILED`
 */
export function checkPlace(path: string): void {
  const folder = dirname(path);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) throw failed(`${folder} is no folder`);
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0 && (stats.mode & STICKY) === 0) {
    throw failed(`others can write to ${folder}: choose a folder that belongs to this user alone`);
  }
  if (stats.uid !== 0 && stats.uid !== process.geteuid?.()) {
    throw failed(`${folder} belongs to another user: choose one that belongs to this user`);
  }
  const there = entry(path);
  if (there !== undefined && !there.isSocket()) throw failed(`${path} is there already, and no socket`);
}

/** A socket under a name of its own until it takes the place. */
export class Place {
  readonly path: string;
  /** Where the socket is made. */
  readonly temporary: string;
  #own: Stats | undefined;

  constructor(path: string) {
    this.path = path;
    this.temporary = `${path}.${randomBytes(4).toString('hex')}`;
  }

  /** Puts the socket where takers look, in one step: there is always somebody there. */
  occupy(): void {
    this.#own = entry(this.temporary);
    renameSync(this.temporary, this.path);
  }

  /** Removes the file, unless it is another instance's by now. */
  leave(): void {
    if (this.#own === undefined) {
      if (entry(this.temporary) !== undefined) unlinkSync(this.temporary);
      return;
    }
    const there = entry(this.path);
    if (there?.ino === this.#own.ino && there.dev === this.#own.dev) unlinkSync(this.path);
  }
}

function entry(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
