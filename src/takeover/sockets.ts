// Listening sockets that change hands: which of those that came fit the configuration, and which ones a gateway has. It accepts nothing.
import { lookup } from 'node:dns/promises';
import { closeSync } from 'node:fs';
import type { Native } from '../native/calls.ts';

/** A listening TCP socket of this process. */
export interface ListeningSocket {
  readonly role: 'http' | 'admin';
  /** As the configuration names it. */
  readonly host: string;
  readonly port: number;
  readonly fd: number;
}

type Wanted = Pick<ListeningSocket, 'role' | 'host' | 'port'>;

/** Descriptors of the sockets for this address; port 0 fits every one. */
export function fitting(sockets: readonly ListeningSocket[], { role, host, port }: Wanted): number[] {
  return sockets
    .filter((socket) => socket.role === role && socket.host === host && [0, socket.port].includes(port))
    .map(({ fd }) => fd);
}

/** Closes the sockets that the configuration has no use for. */
export function closeOthers(sockets: readonly ListeningSocket[], used: readonly number[]): void {
  for (const { fd } of sockets) if (!used.includes(fd)) closeSync(fd);
}

/** The sockets of a gateway that wants its descriptors known: the one that came for `wanted`, else a new one. */
export async function adminDescriptor(
  native: Native,
  sockets: readonly ListeningSocket[],
  wanted: Omit<Wanted, 'role'>,
): Promise<number> {
  const [fd] = fitting(sockets, { role: 'admin', ...wanted });
  return fd ?? native.bindTcp((await lookup(wanted.host)).address, wanted.port);
}

interface HasSockets {
  readonly host: string;
  readonly port: number;
  descriptors(): readonly number[];
}

/** Everything that a gateway listens on. */
export function socketsOf(http: HasSockets | null, admin: HasSockets | null): ListeningSocket[] {
  const of = (role: ListeningSocket['role'], from: HasSockets | null): ListeningSocket[] =>
    (from?.descriptors() ?? []).map((fd) => ({ role, host: from?.host ?? '', port: from?.port ?? 0, fd }));
  return [...of('http', http), ...of('admin', admin)];
}
