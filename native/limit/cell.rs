//! What a slot of a table holds for its key; how it is counted is in the file of each kind.

use std::sync::atomic::Ordering::Relaxed;

use super::bucket::is_full;
use super::quota::Quota;
use crate::sync::AtomicU64;

/// The words of one key. Fresh ones say that nothing was taken.
pub(super) trait Cell: Default {
    /// Keys without a slot share a cell when their rules are equal.
    type Rule: Copy + PartialEq;

    /// Whether forgetting it changes nothing for any caller. `now` in ticks.
    fn is_free(&self, now: u64) -> bool;
}

/// The time at which a bucket is full again.
#[derive(Default)]
pub(super) struct Tat(pub AtomicU64);

impl Cell for Tat {
    type Rule = Quota;

    #[inline]
    fn is_free(&self, now: u64) -> bool {
        is_full(self.0.load(Relaxed), now)
    }
}
