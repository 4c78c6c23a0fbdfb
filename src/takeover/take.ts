// The new instance: gets the listening sockets of the one that runs, and tells it when to let go.
import { closeSync } from 'node:fs';
import type { Native, TakenSocket } from '../native/calls.ts';
import { Conversation, failed, lineOf, messageOf } from './conversation.ts';
import type { ListeningSocket } from './sockets.ts';

/** For the answer to the request, and to "ready". */
const ANSWER_MS = 5_000;

export interface Taken {
  readonly sockets: readonly ListeningSocket[];
  /**
   * Tells the other instance that this one serves; fulfilled when that one lets go, or is gone.
   * @throws GatewayError `ERR_FG_TAKEOVER_FAILED` when it goes on: this one must end
   */
  confirm(): Promise<void>;
  /** Breaks off: the other instance serves on. */
  giveUp(): void;
}

/**
 * Asks the instance at `path` for its sockets; null when nobody listens there.
 * @throws GatewayError `ERR_FG_TAKEOVER_FAILED`
 */
export async function take(native: Native, path: string, timeoutMs = ANSWER_MS): Promise<Taken | null> {
  const answer = await native.takeoverAsk(path, lineOf({ want: 'sockets' }), timeoutMs);
  if (answer === null) return null;
  const conversation = new Conversation(answer.connection);
  let sockets: ListeningSocket[];
  try {
    sockets = named(messageOf(answer.line)['sockets'], answer.sockets);
  } catch (error) {
    conversation.close();
    for (const { fd } of answer.sockets) closeSync(fd);
    throw error;
  }
  return {
    sockets,
    confirm: () => confirm(native, path, conversation, timeoutMs),
    giveUp: () => conversation.close(),
  };
}

async function confirm(
  native: Native,
  path: string,
  conversation: Conversation,
  timeoutMs: number,
): Promise<void> {
  conversation.say({ ready: true });
  try {
    const { going } = await conversation.next(timeoutMs);
    if (going !== true) throw failed('the other instance does not let go');
  } catch (cause) {
    conversation.close();
    // It may have ended by itself meanwhile; then this instance is the only one, and stays.
    const other = await native.takeoverAsk(path, lineOf({ want: 'nothing' }), timeoutMs);
    if (other === null) return;
    for (const fd of [other.connection, ...other.sockets.map((socket) => socket.fd)]) closeSync(fd);
    throw cause;
  }
  conversation.close();
}

/** The sockets by what the other instance says of them, which must agree with the system. */
function named(names: unknown, taken: readonly TakenSocket[]): ListeningSocket[] {
  if (!Array.isArray(names) || names.length !== taken.length) {
    throw failed('the other instance names other sockets than it sends');
  }
  return taken.map(({ fd, port }, at) => {
    const { role, host, port: told } = Object(names[at]) as Partial<ListeningSocket>;
    if ((role !== 'http' && role !== 'admin') || typeof host !== 'string' || told !== port) {
      throw failed(`the other instance names socket ${at} in a way that does not fit it`);
    }
    return { role, host, port, fd };
  });
}
