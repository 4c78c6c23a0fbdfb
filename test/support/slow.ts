// Clients that take their time or say nothing, by the thousand, and the probe that sees whether others are served meanwhile.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { forked } from './children.ts';
import { rawRequest, requestText } from './raw.ts';

/** As slowhttptest has them: -H, -B, -X. */
export type SlowKind = 'header' | 'body' | 'read';

/** How often each outcome: a status, `silence`; of readers `whole` or `broken`. */
export type Outcomes = Readonly<Record<string, number>>;

export interface SlowClients {
  /** Connections that were opened so far. */
  opened(): Promise<number>;
  /** Waits for the server to end all; readers read on. */
  ended(): Promise<Outcomes>;
  /** Cuts what is open. */
  cut(): Promise<Outcomes>;
}

/** Opens `count` slow clients that ask for `target`; a reader's answer with fewer than `wholeBytes` is broken. */
export function startSlowClients(
  port: number,
  kind: SlowKind,
  target: string,
  count: number,
  wholeBytes = 0,
): SlowClients {
  const ask = asking('slow-clients', { port, kind, target, count, wholeBytes });
  return {
    opened: async () => (await ask<{ opened: number }>({ order: 'count' }, 'opened')).opened,
    ended: async () => (await ask<{ ended: Outcomes }>({ order: 'end' }, 'ended')).ended,
    cut: async () => (await ask<{ ended: Outcomes }>({ order: 'cut' }, 'ended')).ended,
  };
}

/** Brings the number of connections that asked once for `path` and are idle to a count; how many of them were lost. */
export function startIdleClients(port: number, path: string): (count: number) => Promise<number> {
  const ask = asking('idle-clients', { port, path });
  return async (count) => (await ask<{ lost: number }>({ count }, 'open')).lost;
}

/** Sends orders to a child, and gives the next message that has a field. */
function asking(name: string, argument: object): <Reply>(order: object, field: string) => Promise<Reply> {
  const { process: child, errors } = forked(name, argument);
  return (order, field) =>
    new Promise((resolve, reject) => {
      const end = (): void => reject(new Error(`${name} ended: ${errors()}`));
      const hear = (message: unknown): void => {
        const said = message as Record<string, unknown>;
        if (said['error'] !== undefined) reject(new Error(String(said['error'])));
        if (said[field] === undefined) return;
        child.off('exit', end).off('message', hear);
        resolve(said as never);
      };
      child.once('exit', end).on('message', hear);
      child.send(order);
    });
}

/** Asks for `target` every 100 ms, each time over a connection of its own. */
export function startProbe(port: number, target: string): { stop(): Promise<Outcomes>; asked(): number } {
  const seen: Record<string, number> = {};
  let running = true;
  let asked = 0;
  const probe = async (): Promise<void> => {
    while (running) {
      const outcome = await rawRequest(port, requestText('GET', target)).then(
        ({ status, complete }) => `${status}${complete ? '' : ' broken'}`,
        (error: Error) => error.message,
      );
      seen[outcome] = (seen[outcome] ?? 0) + 1;
      asked += 1;
      await wait(100);
    }
  };
  const done = probe();
  return {
    asked: () => asked,
    async stop() {
      running = false;
      await done;
      return seen;
    },
  };
}

/** How many descriptors a process may open here. */
export function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

/** The value of a metric of another process, summed over the labels that are not given. */
export async function metricAt(
  adminUrl: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  // A connection that is kept may be closed by the other side just when it is used.
  const headers = { connection: 'close' };
  const text = await (await fetch(`${adminUrl}/metrics`, { headers })).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const fitting = lines.filter((line) => wanted.every((label) => line.includes(label)));
  return fitting.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
