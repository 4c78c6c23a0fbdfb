//! GCRA on one atomic word: the word is the theoretical arrival time (TAT), and a token moves it one interval
//! on.
//!
//! A bucket is full when its TAT is not in the future and empty when the TAT lies one tolerance ahead of now.
//! The word is a point in time and not a count, so it keeps its meaning when the quota changes.

use std::sync::atomic::Ordering::Relaxed;

use super::quota::{Quota, nanos, ticks};
use crate::sync::AtomicU64;
use crate::time::Nanos;

/// How far the clocks of two callers may differ (they read it once a turn) and limits still hold exactly: 1
/// s.
///
/// A TAT beyond an empty bucket by less than this was written by a caller whose clock is ahead; by more, the
/// clock went back or the quota shrank, and the bucket becomes an empty one: no token is won, and none is
/// owed for longer.
pub(super) const SKEW: u64 = ticks(Nanos::from_secs(1));

/// What a bucket answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Take {
    /// A token was there (and taken, unless this is only a look).
    pub allowed: bool,
    /// Whole tokens left; 0 when refused.
    pub remaining: u32,
    /// Until one more than `remaining` could be taken: the effective window `t` of `RateLimit`. Never zero.
    pub reset: Nanos,
    /// Until a token is there: zero when allowed, else equal to `reset`.
    pub retry_after: Nanos,
    /// Answered by a bucket that keys without one of their own share.
    pub(super) shared: bool,
}

/// Takes one token if there is one. Callers on any number of threads together never take more than the quota.
#[inline]
pub(super) fn take(word: &AtomicU64, quota: &Quota, now: Nanos) -> Take {
    let now = ticks(now);
    let empty = now + quota.tolerance();
    let mut tat = word.load(Relaxed);
    loop {
        if tat > empty + SKEW {
            tat = clamp(word, tat, empty);
            continue;
        }
        let next = tat.max(now) + quota.interval().get();
        if next > empty {
            return refused(next - empty);
        }
        match word.compare_exchange_weak(tat, next, Relaxed, Relaxed) {
            Ok(_) => return allowed(empty - next, quota),
            Err(seen) => tat = seen,
        }
    }
}

/// What a take would find, without taking. `allowed` says whether a token is there.
pub(super) fn peek(tat: u64, quota: &Quota, now: Nanos) -> Take {
    let now = ticks(now);
    let empty = now + quota.tolerance();
    let tat = if tat > empty + SKEW { empty } else { tat.max(now) };
    let next = tat + quota.interval().get();
    if next > empty { refused(next - empty) } else { allowed(empty - tat, quota) }
}

/// Returns one taken token.
pub(super) fn give_back(word: &AtomicU64, quota: &Quota) {
    let mut tat = word.load(Relaxed);
    while let Err(seen) =
        word.compare_exchange_weak(tat, tat.saturating_sub(quota.interval().get()), Relaxed, Relaxed)
    {
        tat = seen;
    }
}

/// The answer where there is no bucket to ask: try again when a token would have come.
pub(super) fn refuse(quota: &Quota) -> Take {
    refused(quota.interval().get())
}

/// Whether the bucket is full for every caller, so that forgetting it changes nothing.
pub(super) const fn is_full(tat: u64, now: u64) -> bool {
    tat.saturating_add(SKEW) <= now
}

/// Returns what the word holds now.
#[cold]
fn clamp(word: &AtomicU64, tat: u64, empty: u64) -> u64 {
    match word.compare_exchange(tat, empty, Relaxed, Relaxed) {
        Ok(_) => empty,
        Err(seen) => seen,
    }
}

#[inline]
fn allowed(credit: u64, quota: &Quota) -> Take {
    let remaining = credit / quota.interval();
    Take {
        allowed: true,
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        reset: nanos(quota.interval().get() - credit % quota.interval()),
        retry_after: Nanos::ZERO,
        shared: false,
    }
}

#[inline]
fn refused(wait: u64) -> Take {
    let wait = nanos(wait);
    Take { allowed: false, remaining: 0, reset: wait, retry_after: wait, shared: false }
}
