// Numbers that are the same in every run of one seed, and bodies that prove whose they are.

/** A generator of numbers from 0 to 1 (mulberry32). */
export function numbers(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Choices drawn from one generator. */
export function choices(seed) {
  const next = numbers(seed);
  const below = (count) => Math.floor(next() * count);
  return {
    next,
    below,
    /** From `least` to `most`, both included. */
    between: (least, most) => least + below(most - least + 1),
    pick: (list) => list[below(list.length)],
    chance: (share) => next() < share,
    /** One of `[{weight, …}]`, by weight. */
    weighted(list) {
      let left = next() * list.reduce((sum, { weight }) => sum + weight, 0);
      for (const one of list) {
        left -= one.weight;
        if (left < 0) return one;
      }
      return list.at(-1);
    },
  };
}

/** `size` bytes that belong to `id` and to nothing else: a piece of another body is seen wherever it stands. */
export function contentOf(id, size) {
  return size === 0 ? Buffer.alloc(0) : Buffer.alloc(size, `${id};`);
}

/** Whether a body is exactly that of `id`. */
export const isContentOf = (body, id, size) => body.length === size && contentOf(id, size).equals(body);
