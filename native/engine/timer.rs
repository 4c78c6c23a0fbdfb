//! A hashed timer wheel over slab keys. It knows no deadline itself: when a key is due its owner is asked, so
//! moving a deadline later costs nothing and a finished exchange leaves nothing to cancel.

use crate::time::Nanos;

/// One tick is 2^24 ns = 16.8 ms.
const TICK_BITS: u32 = 24;
const SLOTS: u64 = 1024;
const WORDS: usize = SLOTS as usize / 64;
const IDLE: u64 = u64::MAX;

/// Each key has at most one entry that counts, at `armed[key]`. Entries that were overtaken by an earlier one are
/// dropped when their slot comes round; a key can gather no more than one per distinct route timeout.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Box<[Vec<Entry>]>,
    /// One bit per slot that holds entries.
    used: [u64; WORDS],
    armed: Vec<u64>,
    /// The last tick that was worked off.
    done: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u32,
    tick: u64,
}

impl Wheel {
    pub fn new(now: Nanos) -> Wheel {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Wheel { slots, used: [0; WORDS], armed: Vec::new(), done: now.0 >> TICK_BITS }
    }

    /// Makes sure that `key` comes due at `at` or soon after, never before. A far `at` (NEVER) arms nothing.
    pub fn arm(&mut self, key: u32, at: Nanos) {
        if at.0 == u64::MAX {
            return;
        }
        let tick = ((at.0 >> TICK_BITS) + 1).max(self.done + 1);
        let index = key as usize;
        if index >= self.armed.len() {
            self.armed.resize(index + 1, IDLE);
        }
        if self.armed[index] <= tick {
            return;
        }
        self.armed[index] = tick;
        self.insert(Entry { key, tick });
    }

    fn insert(&mut self, entry: Entry) {
        let slot = (entry.tick % SLOTS) as usize;
        self.slots[slot].push(entry);
        self.used[slot / 64] |= 1 << (slot % 64);
    }

    /// False while [`Wheel::advance`] would find nothing: most turns end in the tick that they began in.
    #[inline]
    pub fn has_ticked(&self, now: Nanos) -> bool {
        now.0 >> TICK_BITS > self.done
    }

    /// Moves every key that is due at `now` to `due`. Each must be armed again by its owner.
    pub fn advance(&mut self, now: Nanos, due: &mut Vec<u32>) {
        if !self.has_ticked(now) {
            return;
        }
        let target = now.0 >> TICK_BITS;
        let steps = (target - self.done).min(SLOTS);
        let first = target - steps + 1;
        self.done = target;
        for tick in first..=target {
            self.work_off((tick % SLOTS) as usize, target, due);
        }
    }

    fn work_off(&mut self, slot: usize, target: u64, due: &mut Vec<u32>) {
        if self.used[slot / 64] & 1 << (slot % 64) == 0 {
            return;
        }
        let armed = &mut self.armed;
        self.slots[slot].retain(|entry| {
            if entry.tick > target {
                return true;
            }
            let current = &mut armed[entry.key as usize];
            if *current == entry.tick {
                *current = IDLE;
                due.push(entry.key);
            }
            false
        });
        if self.slots[slot].is_empty() {
            self.used[slot / 64] &= !(1 << (slot % 64));
        }
    }

    /// When [`Wheel::advance`] should be called next; at times a slot early, never late.
    pub fn next(&self) -> Option<Nanos> {
        let start = ((self.done + 1) % SLOTS) as usize;
        let distance = self.first_used(start)?;
        Some(Nanos((self.done + 1 + distance) << TICK_BITS))
    }

    /// Distance from `start` to the first used slot, going round once.
    fn first_used(&self, start: usize) -> Option<u64> {
        let (word, bit) = (start / 64, start % 64);
        for step in 0..=WORDS {
            let at = (word + step) % WORDS;
            let mask = match step {
                0 => u64::MAX << bit,
                WORDS => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let bits = self.used[at] & mask;
            if bits != 0 {
                let slot = at * 64 + bits.trailing_zeros() as usize;
                return Some(((slot + SLOTS as usize - start) % SLOTS as usize) as u64);
            }
        }
        None
    }
}
