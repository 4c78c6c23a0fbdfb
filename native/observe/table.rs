//! Counters by key without a lock: the keys of a table are kept once, in the order of their arrival and for ever, so
//! that all engines only read them; each shard has a count for each position. Who adds a key bounds their number.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Keys in blocks of `N`. Slots are filled in order, so the first free one ends the search.
#[derive(Debug)]
pub(super) struct Keys<K, const N: usize> {
    slots: [OnceLock<K>; N],
    more: OnceLock<Box<Keys<K, N>>>,
}

impl<K, const N: usize> Default for Keys<K, N> {
    fn default() -> Self {
        Keys { slots: [const { OnceLock::new() }; N], more: OnceLock::new() }
    }
}

impl<K: Copy + PartialEq, const N: usize> Keys<K, N> {
    /// The position of a key.
    #[inline]
    pub fn find(&self, key: K) -> Option<usize> {
        let mut block = self;
        let mut before = 0;
        loop {
            for (at, slot) in block.slots.iter().enumerate() {
                if *slot.get()? == key {
                    return Some(before + at);
                }
            }
            block = block.more.get()?;
            before += N;
        }
    }

    /// The position of a key, and whether it is new.
    #[cold]
    #[inline(never)]
    pub fn add(&self, key: K) -> (usize, bool) {
        let mut block = self;
        let mut before = 0;
        loop {
            for (at, slot) in block.slots.iter().enumerate() {
                if slot.set(key).is_ok() {
                    return (before + at, true);
                }
                if slot.get() == Some(&key) {
                    return (before + at, false);
                }
            }
            block = block.more.get_or_init(Box::default);
            before += N;
        }
    }

    /// In the order of their positions.
    pub fn all(&self) -> impl Iterator<Item = K> {
        let blocks = std::iter::successors(Some(self), |block| block.more.get().map(|more| &**more));
        blocks.flat_map(|block| block.slots.iter().map_while(|slot| slot.get().copied()))
    }
}

/// One shard's counts, by position of their keys.
#[derive(Debug)]
pub(super) struct Counts<const N: usize> {
    slots: [AtomicU64; N],
    more: OnceLock<Box<Counts<N>>>,
}

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Counts { slots: [const { AtomicU64::new(0) }; N], more: OnceLock::new() }
    }
}

impl<const N: usize> Counts<N> {
    #[inline]
    pub fn add(&self, at: usize) {
        if let Some(count) = self.slots.get(at) {
            count.fetch_add(1, Relaxed);
            return;
        }
        self.add_beyond(at);
    }

    #[inline(never)]
    fn add_beyond(&self, mut at: usize) {
        let mut block = self;
        while at >= N {
            block = block.more.get_or_init(Box::default);
            at -= N;
        }
        block.slots[at].fetch_add(1, Relaxed);
    }

    fn all(&self) -> impl Iterator<Item = u64> {
        let blocks = std::iter::successors(Some(self), |block| block.more.get().map(|more| &**more));
        blocks.flat_map(|block| block.slots.iter().map(|slot| slot.load(Relaxed)))
    }
}

/// Every key with the sum of its counts.
pub(super) fn sums<'a, K: Copy + PartialEq, const N: usize>(
    keys: &Keys<K, N>,
    shards: impl Iterator<Item = &'a Counts<N>>,
) -> Vec<(K, u64)> {
    let mut sums: Vec<(K, u64)> = keys.all().map(|key| (key, 0)).collect();
    for counts in shards {
        for ((_, sum), count) in sums.iter_mut().zip(counts.all()) {
            *sum += count;
        }
    }
    sums
}
