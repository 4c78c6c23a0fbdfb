//! Cells by key in a bounded, sharded table that all threads share; it never forgets a debt to make room.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use super::bucket::{self, Take};
use super::cell::{Cell, Tat};
use super::key::Key;
use super::quota::{Price, Quota, ticks};
use super::shard::Shard;
use crate::sync::{AtomicU64, RwLock};
use crate::time::Nanos;

/// At most 64 shards.
pub(super) const SHARD_BITS: u32 = 6;
/// Tables with fewer keys a shard than this use fewer shards.
const SHARD_KEYS: usize = 4096;

/// Cells of one kind by key.
///
/// A take on a known key locks its shard for reading, touches one cache line or two and allocates nothing. A new key
/// locks for writing; the table grows by need, shard by shard, and never shrinks.
///
/// Cells that may be forgotten make room one second later: their slots are reused. When the table is full of debtors,
/// new keys share one cell per shard and rule instead of each getting a fresh one; see [`Table::overflowed`].
///
/// Keys are 64-bit hashes under a random key: two of a million keys share a cell with a probability of 3 in
/// 100 million, and nobody can choose which.
pub(super) struct Table<C: Cell> {
    shards: Box<[Padded<C>]>,
    overflowed: AtomicU64,
    shift: u32,
}

/// Locks that do not share a cache line.
#[repr(align(64))]
struct Padded<C: Cell>(RwLock<Shard<C>>);

impl<C: Cell> Table<C> {
    /// Room for `max_keys` cells (at least 1).
    ///
    /// Below 8,192 keys the bound is exact. Above, keys spread unevenly over shards, and each shard has room
    /// for four standard deviations more than its share: in all at most 7 % more than `max_keys`, 3 % at a
    /// million.
    pub fn new(max_keys: usize) -> Table<C> {
        let max = max_keys.max(1);
        let bits = (max / SHARD_KEYS).checked_ilog2().unwrap_or(0).min(SHARD_BITS);
        let share = max >> bits;
        let limit = if bits == 0 { max } else { share + 4 * share.isqrt() };
        let shard = || Padded(RwLock::new(Shard::new(limit)));
        Table {
            shards: std::iter::repeat_with(shard).take(1 << bits).collect(),
            overflowed: AtomicU64::new(0),
            shift: SHARD_BITS - bits,
        }
    }

    /// What `take` makes of the cell of `key`, a fresh one if it is new; `none` where even the shared cells are taken.
    #[inline]
    pub fn take(
        &self,
        key: Key,
        rule: &C::Rule,
        now: Nanos,
        take: impl Fn(&C) -> Take,
        none: impl FnOnce() -> Take,
    ) -> Take {
        let spread = spread(key);
        let lock = self.shard(spread);
        let shard = lock.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = shard.find(spread) {
            return take(cell);
        }
        drop(shard);
        self.take_new(lock, spread, rule, now, take).unwrap_or_else(|| Take { shared: true, ..none() })
    }

    /// Looks at the cell of `key`, or at the shared one that it would take from while the table is full; remembers
    /// nothing.
    pub fn peek<T>(&self, key: Key, rule: &C::Rule, look: impl FnOnce(Option<&C>) -> T) -> T {
        let spread = spread(key);
        let shard = self.shard(spread).read().unwrap_or_else(PoisonError::into_inner);
        look(shard.find(spread).or_else(|| shard.find_shared(rule).filter(|_| shard.is_at_limit())))
    }

    /// Hands over the cell that a take came from: the key may have got one of its own since, which owes nothing for it.
    pub fn give_back(&self, key: Key, rule: &C::Rule, shared: bool, give: impl FnOnce(&C)) {
        let spread = spread(key);
        let shard = self.shard(spread).read().unwrap_or_else(PoisonError::into_inner);
        let cell = if shared { shard.find_shared(rule) } else { shard.find(spread) };
        if let Some(cell) = cell {
            give(cell);
        }
    }

    /// Keys in the table, forgotten ones that were not yet reused included.
    pub fn len(&self) -> usize {
        self.sum(Shard::len)
    }

    /// How many takes were answered by a shared cell since the start.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Relaxed)
    }

    /// Bytes held by the table.
    pub fn bytes(&self) -> usize {
        self.sum(Shard::bytes) + size_of_val(&*self.shards)
    }

    fn sum(&self, of: impl Fn(&Shard<C>) -> usize) -> usize {
        self.shards.iter().map(|shard| of(&shard.0.read().unwrap_or_else(PoisonError::into_inner))).sum()
    }

    #[cold]
    #[inline(never)]
    fn take_new(
        &self,
        lock: &RwLock<Shard<C>>,
        spread: u64,
        rule: &C::Rule,
        now: Nanos,
        take: impl Fn(&C) -> Take,
    ) -> Option<Take> {
        let mut shard = lock.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = shard.place(spread, ticks(now)) {
            return Some(take(cell));
        }
        self.overflowed.fetch_add(1, Relaxed);
        Some(Take { shared: true, ..take(shard.place_shared(rule, ticks(now))?) })
    }

    #[inline]
    fn shard(&self, spread: u64) -> &RwLock<Shard<C>> {
        &self.shards[(spread >> (64 - SHARD_BITS) >> self.shift) as usize].0
    }
}

/// Token buckets by key: 16 bytes a slot, 26 to 38 bytes a key.
pub struct Buckets(Table<Tat>);

impl Buckets {
    /// Room for `max_keys` buckets (at least 1, a few per cent more above 8,192): 26 MB for a million when full.
    pub fn new(max_keys: usize) -> Buckets {
        Buckets(Table::new(max_keys))
    }

    /// Takes one token from the bucket of `key`; a key seen for the first time has a full one.
    ///
    /// The quota may differ from the last call's: what is owed stays owed, up to an empty bucket of the new
    /// quota.
    #[inline]
    pub fn take(&self, key: Key, quota: &Quota, now: Nanos) -> Take {
        // The price is made where it is used: it stays in registers.
        let take = |tat: &Tat| bucket::take(&tat.0, &quota.one(), now);
        self.0.take(key, quota, now, take, || bucket::refuse(&quota.one()))
    }

    /// [`Buckets::take`] at another price than that of one token.
    #[inline]
    pub fn take_for(&self, key: Key, quota: &Quota, price: &Price, now: Nanos) -> Take {
        let take = |tat: &Tat| bucket::take(&tat.0, price, now);
        self.0.take(key, quota, now, take, || bucket::refuse(price))
    }

    /// The state of the bucket of `key`, or of the shared one that it would take from while the table is full; takes
    /// nothing and remembers nothing.
    pub fn peek(&self, key: Key, quota: &Quota, now: Nanos) -> Take {
        self.peek_for(key, quota, &quota.one(), now)
    }

    /// [`Buckets::peek`] at another price than that of one token.
    pub fn peek_for(&self, key: Key, quota: &Quota, price: &Price, now: Nanos) -> Take {
        let tat = |cell: Option<&Tat>| cell.map_or(0, |tat| tat.0.load(Relaxed));
        bucket::peek(self.0.peek(key, quota, tat), price, now)
    }

    /// Takes what `price` says though it may not be there; a quota [`Quota::in_debt`] is owed the rest.
    pub fn charge(&self, key: Key, quota: &Quota, price: &Price, now: Nanos) {
        let charge = |tat: &Tat| {
            bucket::charge(&tat.0, price, now);
            Take::default()
        };
        self.0.take(key, quota, now, charge, Take::default);
    }

    /// Returns what `take` took under the same key, quota and price, to the bucket that it came from.
    pub fn give_back(&self, key: Key, quota: &Quota, price: &Price, take: &Take) {
        self.0.give_back(key, quota, take.shared, |tat| bucket::give_back(&tat.0, price));
    }

    /// Keys in the table, forgotten ones that were not yet reused included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many takes were answered by a shared overflow bucket since the start.
    pub fn overflowed(&self) -> u64 {
        self.0.overflowed()
    }

    /// Bytes held by the table.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// Spreads keys over the high bits (Fibonacci hashing, a bijection); zero, the mark of an unused slot, is not
/// used.
#[inline]
const fn spread(key: Key) -> u64 {
    let spread = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if spread == 0 { 1 } else { spread }
}
