// Which key signs, which are published, and until when: arithmetic on the dates of keys. It reads no clock and holds no key.
import type { SignerKey } from './signer.ts';

export interface SchedulePolicy {
  /** Milliseconds from the making of a key to its first signature. */
  readonly publishAheadMs: number;
  /** Milliseconds for which a key is published after its last signature: the longest life of an access token and some more. */
  readonly keepMs: number;
}

/** - `next`: published, does not sign yet. - `signing`. - `retired`: its tokens may still live. - `static`: only published. */
export type KeyState = 'next' | 'signing' | 'retired' | 'static';

export interface ScheduledKey<Key extends SignerKey = SignerKey> {
  readonly key: Key;
  readonly state: KeyState;
  /** When it signs first; null for a key that was always there. */
  readonly signsFrom: number | null;
  /** When the next key takes over; null while there is none. */
  readonly signsUntil: number | null;
  /** When it is published no more; null while that is not known. */
  readonly publishedUntil: number | null;
}

/** The keys that are published at `now`, in the order in which they sign. One at most is `signing`. */
export function schedule<Key extends SignerKey>(
  keys: readonly Key[],
  { publishAheadMs, keepMs }: SchedulePolicy,
  now: number,
): ScheduledKey<Key>[] {
  const undated = keys.filter(({ createdAt }) => createdAt === null);
  const turns = turnsOf(keys, publishAheadMs);
  const inTurn = turns.map(({ key, signsFrom }, at): ScheduledKey<Key> => {
    const signsUntil = turns[at + 1]?.signsFrom ?? null;
    const publishedUntil = signsUntil === null ? null : signsUntil + keepMs;
    return { key, state: stateAt(signsFrom, signsUntil, now), signsFrom, signsUntil, publishedUntil };
  });
  const others = undated.slice(1).map(
    (key): ScheduledKey<Key> => ({
      key,
      state: 'static',
      signsFrom: null,
      signsUntil: null,
      publishedUntil: null,
    }),
  );
  return [...inTurn, ...others].filter(
    ({ publishedUntil }) => publishedUntil === null || now < publishedUntil,
  );
}

interface Turn<Key> {
  readonly key: Key;
  readonly signsFrom: number | null;
}

/** Keys that sign, one after the other: the first undated one, or the oldest, signs from the start. */
function turnsOf<Key extends SignerKey>(keys: readonly Key[], publishAheadMs: number): Turn<Key>[] {
  const first = keys.find(({ createdAt }) => createdAt === null);
  const dated = keys
    .filter(({ createdAt }) => createdAt !== null)
    .map((key) => ({ key, createdAt: key.createdAt ?? 0 }))
    .sort((one, other) => one.createdAt - other.createdAt);
  const turns = dated.map(({ key, createdAt }) => ({ key, signsFrom: createdAt + publishAheadMs }));
  if (first !== undefined) return [{ key: first, signsFrom: null }, ...turns];
  const [oldest, ...rest] = turns;
  // Without a key before it there is nothing that could sign meanwhile.
  return oldest === undefined ? [] : [{ key: oldest.key, signsFrom: null }, ...rest];
}

function stateAt(signsFrom: number | null, signsUntil: number | null, now: number): KeyState {
  if (signsFrom !== null && now < signsFrom) return 'next';
  return signsUntil !== null && now >= signsUntil ? 'retired' : 'signing';
}
