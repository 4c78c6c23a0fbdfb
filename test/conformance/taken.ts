// Tells when the listener has read all that a client sent, by asking the kernel: so that what is sent next is read separately.
import { readFileSync } from 'node:fs';

/** Of sockets that listen on `::`: others, and what lingers of them, are mostly in that of IPv4, which then takes long to read. */
const TABLE = '/proc/net/tcp6';
/** Turns of the event loop that stand for the kernel's word where it has no such table. */
const BLIND_TURNS = 4;

interface Waiting {
  readonly resolve: () => void;
  turns: number;
}

/** The connections to a port that listens on `::`. */
export class Taken {
  readonly #port: string;
  readonly #waiting = new Map<string, Waiting>();

  constructor(port: number) {
    this.#port = hex(port);
  }

  /** Resolves when nothing that this client sent waits to be read, or the connection is gone. Call it once the kernel has the bytes. */
  by(clientPort: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) setImmediate(() => this.#look());
      this.#waiting.set(hex(clientPort), { resolve, turns: 0 });
    });
  }

  #look(): void {
    const unread = this.#unread();
    for (const [port, waiting] of this.#waiting) {
      waiting.turns += 1;
      if (unread === null ? waiting.turns < BLIND_TURNS : unread.has(port)) continue;
      this.#waiting.delete(port);
      waiting.resolve();
    }
    if (this.#waiting.size > 0) setImmediate(() => this.#look());
  }

  /** Ports of the clients some of whose bytes wait, in hexadecimal; null where the kernel does not tell. */
  #unread(): Set<string> | null {
    let table: string;
    try {
      table = readFileSync(TABLE, 'latin1');
    } catch {
      return null;
    }
    const unread = new Set<string>();
    // number: local address:port remote address:port state sent:received-and-unread …
    for (const [, local, remote, bytes] of table.matchAll(
      /^ *\d+: \w+:(\w{4}) \w+:(\w{4}) \w\w \w+:(\w{8}) /gm,
    ))
      if (local === this.#port && bytes !== '00000000') unread.add(remote as string);
    return unread;
  }
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
