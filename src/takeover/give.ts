// The running instance: gives its listening sockets to one process of the same user, and lets go when that one serves.
import { closeSync } from 'node:fs';
import type { Native } from '../native/calls.ts';
import { Conversation, failed, lineOf } from './conversation.ts';
import type { ListeningSocket } from './sockets.ts';

/** For the request; the taker sends it as it connects. */
const REQUEST_MS = 5_000;
/** From the sockets to "ready". */
const READY_MS = 30_000;

export interface GiveOptions {
  /** What is handed over, asked for each time. */
  sockets(): readonly ListeningSocket[];
  /** The other instance serves: called once. */
  taken(): void;
  /** What went wrong and changed nothing. */
  warn(fields: object, message: string): void;
  readyTimeoutMs?: number;
}

/**
 * Waits for takers at `path`, which must not exist. Returns what ends that.
 * @throws GatewayError `ERR_FG_TAKEOVER_FAILED` when it cannot listen there, and what `sockets` throws
 */
export function give(native: Native, path: string, options: GiveOptions): () => void {
  const open = new Set<Conversation>();
  // A listener that cannot tell its sockets is told at the start, not at the first takeover.
  options.sockets();
  let isTaken = false;
  let isBusy = false;
  const talk = async (conversation: Conversation): Promise<void> => {
    await conversation.next(REQUEST_MS);
    if (isBusy) throw failed('another takeover is under way');
    isBusy = true;
    try {
      offer(native, conversation, options.sockets());
      const { ready } = await conversation.next(options.readyTimeoutMs ?? READY_MS);
      if (ready !== true) throw failed('the other instance is not ready');
      isTaken = true;
      conversation.end({ going: true });
      options.taken();
    } finally {
      isBusy = isTaken;
    }
  };
  const acceptor = native.takeoverServe(path, (fd, peer) => {
    const conversation = conversationOver(fd, peer, options);
    if (conversation === null) return;
    open.add(conversation);
    talk(conversation)
      .catch((err: Error) => {
        conversation.end({ error: err.message });
        options.warn({ reason: err.message }, 'a takeover broke off: this instance serves on');
      })
      .finally(() => open.delete(conversation));
  });
  return () => {
    native.acceptorClose(acceptor);
    for (const conversation of open) conversation.close();
  };
}

/** None for another user, and for a connection that Node does not take: what were thrown here would end the process. */
function conversationOver(fd: number, peer: string, { warn }: GiveOptions): Conversation | null {
  if (fd < 0) {
    warn({ peer }, 'a takeover by another user is refused');
    return null;
  }
  try {
    return new Conversation(fd);
  } catch (error) {
    warn({ reason: (error as Error).message }, 'a takeover broke off: this instance serves on');
    closeSync(fd);
    return null;
  }
}

function offer(native: Native, conversation: Conversation, sockets: readonly ListeningSocket[]): void {
  const names = sockets.map(({ role, host, port }) => ({ role, host, port }));
  const line = lineOf({ pid: process.pid, sockets: names });
  // The descriptor is the conversation's; one that is over would name another file by now.
  if (!conversation.isOpen) throw failed('the other instance went away');
  native.takeoverSend(
    conversation.fd,
    line,
    sockets.map(({ fd }) => fd),
  );
}
