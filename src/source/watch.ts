// Tells when files change on disk, also when a certificate manager exchanges symbolic links; it does not read them.
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Milliseconds. */
export interface WatchTimes {
  /** How long the folder must be quiet before the files are looked at: a pair is rarely written at once. */
  readonly settle: number;
  /** How often the files are looked at without being told: not every file system tells, and links may cross folders. */
  readonly poll: number;
}

const defaultTimes: WatchTimes = { settle: 500, poll: 30_000 };

/** Watches a set of files. Nothing of it keeps the process alive. */
export class FileWatch {
  readonly #changed: () => void;
  readonly #times: WatchTimes;
  #marks = new Map<string, string>();
  #folders: FSWatcher[] = [];
  #settling: NodeJS.Timeout | undefined;
  #polling: NodeJS.Timeout | undefined;
  #isLooking = false;

  /** `changed` is called after one or more of the files became other files, and once after each `set`. */
  constructor(changed: () => void, times: Partial<WatchTimes> = {}) {
    this.#changed = changed;
    this.#times = { ...defaultTimes, ...times };
  }

  /** Watches these files instead of the ones before; the same ones again change nothing. */
  set(files: readonly string[]): void {
    if (files.length === this.#marks.size && files.every((file) => this.#marks.has(file))) return;
    this.close();
    if (files.length === 0) return;
    // What the files were when they were read is not known: an empty mark makes the first look tell of a change.
    this.#marks = new Map(files.map((file) => [file, '']));
    this.#folders = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) => this.#watch(folder));
    this.#polling = setInterval(() => void this.#look(), this.#times.poll).unref();
    this.#settle();
  }

  close(): void {
    for (const folder of this.#folders) folder.close();
    clearInterval(this.#polling);
    clearTimeout(this.#settling);
    this.#folders = [];
    this.#marks = new Map();
  }

  /** A folder that cannot be watched is left to the poll. */
  #watch(folder: string): FSWatcher[] {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#settle());
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  }

  #settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#look(), this.#times.settle).unref();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return this.#settle();
    this.#isLooking = true;
    const marks = this.#marks;
    let isOther = false;
    for (const [file, before] of marks) {
      const now = await markOf(file);
      if (now === before) continue;
      marks.set(file, now);
      isOther = true;
    }
    this.#isLooking = false;
    if (isOther && marks === this.#marks) this.#changed();
  }
}

/** Tells one state of a file from another; links are followed. */
async function markOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join();
  } catch {
    return 'none';
  }
}
