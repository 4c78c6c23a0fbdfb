//! Every bucket of the process in a bounded, sharded table that all threads share; it never forgets a debt to
//! make room.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use super::bucket::{self, Take};
use super::key::Key;
use super::quota::{Quota, ticks};
use super::shard::Shard;
use crate::sync::{AtomicU64, RwLock};
use crate::time::Nanos;

/// At most 64 shards.
pub(super) const SHARD_BITS: u32 = 6;
/// Tables with fewer keys a shard than this use fewer shards.
const SHARD_KEYS: usize = 4096;

/// Buckets by key.
///
/// A take on a known key locks its shard for reading, touches one cache line (16 bytes a slot, 26 to 38 bytes
/// a key) and allocates nothing. A new key locks for writing; the table grows by need, shard by shard, and
/// never shrinks.
///
/// Buckets that are full again are forgotten one second later and their slots reused. When the table is full
/// of debtors, new keys share one bucket per shard and quota instead of each getting a full one; see
/// [`Buckets::overflowed`].
///
/// Keys are 64-bit hashes under a random key: two of a million keys share a bucket with a probability of 3 in
/// 100 million, and nobody can choose which.
pub struct Buckets {
    shards: Box<[Padded]>,
    overflowed: AtomicU64,
    shift: u32,
}

/// Locks that do not share a cache line.
#[repr(align(64))]
struct Padded(RwLock<Shard>);

impl Buckets {
    /// Room for `max_keys` buckets (at least 1); 1,000,000 by default in the configuration, 26 MB when full.
    ///
    /// Below 8,192 keys the bound is exact. Above, keys spread unevenly over shards, and each shard has room
    /// for four standard deviations more than its share: in all at most 7 % more than `max_keys`, 3 % at a
    /// million.
    pub fn new(max_keys: usize) -> Buckets {
        let max = max_keys.max(1);
        let bits = (max / SHARD_KEYS).checked_ilog2().unwrap_or(0).min(SHARD_BITS);
        let share = max >> bits;
        let limit = if bits == 0 { max } else { share + 4 * share.isqrt() };
        let shard = || Padded(RwLock::new(Shard::new(limit)));
        Buckets {
            shards: std::iter::repeat_with(shard).take(1 << bits).collect(),
            overflowed: AtomicU64::new(0),
            shift: SHARD_BITS - bits,
        }
    }

    /// Takes one token from the bucket of `key`; a key seen for the first time has a full one.
    ///
    /// The quota may differ from the last call's: what is owed stays owed, up to an empty bucket of the new
    /// quota.
    #[inline]
    pub fn take(&self, key: Key, quota: &Quota, now: Nanos) -> Take {
        let spread = spread(key);
        let lock = self.shard(spread);
        let shard = lock.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = shard.find(spread) {
            return bucket::take(word, quota, now);
        }
        drop(shard);
        self.take_new(lock, spread, quota, now)
    }

    /// Takes one token from each bucket, or from none; `out[i]` answers `items[i]`.
    ///
    /// On refusal (`false`) each answer is the bucket's state afterwards, and `allowed` is false for those
    /// that refused. While the others are given back, another thread may be refused by them; more than a
    /// quota is never allowed.
    pub fn take_all(&self, items: &[(Key, &Quota)], now: Nanos, out: &mut [Take]) -> bool {
        assert!(out.len() >= items.len(), "one answer for each item");
        for (index, (key, quota)) in items.iter().enumerate() {
            out[index] = self.take(*key, quota, now);
            if out[index].allowed {
                continue;
            }
            for ((key, quota), take) in items[..index].iter().zip(out.iter()) {
                self.give_back(*key, quota, take);
            }
            for (other, (key, quota)) in items.iter().enumerate().filter(|(other, _)| *other != index) {
                out[other] = self.peek(*key, quota, now);
            }
            return false;
        }
        true
    }

    /// The state of the bucket of `key`, or of the shared one that it would take from while the table is full; takes
    /// nothing and remembers nothing.
    pub fn peek(&self, key: Key, quota: &Quota, now: Nanos) -> Take {
        let spread = spread(key);
        let shard = self.shard(spread).read().unwrap_or_else(PoisonError::into_inner);
        let word = shard.find(spread).or_else(|| shard.find_shared(quota).filter(|_| shard.is_at_limit()));
        let tat = word.map_or(0, |word| word.load(Relaxed));
        bucket::peek(tat, quota, now)
    }

    /// Returns the token that `take` took under the same key and quota, to the bucket that it came from: the key may
    /// have got one of its own since, which owes nothing for it.
    pub fn give_back(&self, key: Key, quota: &Quota, take: &Take) {
        let spread = spread(key);
        let shard = self.shard(spread).read().unwrap_or_else(PoisonError::into_inner);
        let word = if take.shared { shard.find_shared(quota) } else { shard.find(spread) };
        if let Some(word) = word {
            bucket::give_back(word, quota);
        }
    }

    /// Keys in the table, expired ones that were not yet reused included.
    pub fn len(&self) -> usize {
        self.sum(Shard::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many takes were answered by a shared overflow bucket since the start.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Relaxed)
    }

    /// Bytes held by the table.
    pub fn bytes(&self) -> usize {
        self.sum(Shard::bytes) + size_of_val(&*self.shards)
    }

    fn sum(&self, of: impl Fn(&Shard) -> usize) -> usize {
        self.shards.iter().map(|shard| of(&shard.0.read().unwrap_or_else(PoisonError::into_inner))).sum()
    }

    #[cold]
    #[inline(never)]
    fn take_new(&self, lock: &RwLock<Shard>, spread: u64, quota: &Quota, now: Nanos) -> Take {
        let mut shard = lock.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = shard.place(spread, ticks(now)) {
            return bucket::take(word, quota, now);
        }
        self.overflowed.fetch_add(1, Relaxed);
        let take = match shard.place_shared(quota, ticks(now)) {
            Some(word) => bucket::take(word, quota, now),
            None => bucket::refuse(quota),
        };
        Take { shared: true, ..take }
    }

    #[inline]
    fn shard(&self, spread: u64) -> &RwLock<Shard> {
        &self.shards[(spread >> (64 - SHARD_BITS) >> self.shift) as usize].0
    }
}

/// Spreads keys over the high bits (Fibonacci hashing, a bijection); zero, the mark of an unused slot, is not
/// used.
#[inline]
const fn spread(key: Key) -> u64 {
    let spread = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if spread == 0 { 1 } else { spread }
}
