//! GCRA on one atomic word: the word is the theoretical arrival time (TAT), and a token moves it one interval
//! on.
//!
//! A bucket is full when its TAT is not in the future and empty when the TAT lies one tolerance ahead of now.
//! The word is a point in time and not a count, so it keeps its meaning when the quota changes.

use std::sync::atomic::Ordering::Relaxed;

#[cfg(doc)]
use super::quota::Quota;
use super::quota::{Price, nanos, ticks};
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
    /// Whole tokens left; fewer than were asked for when refused.
    pub remaining: u32,
    /// Until one more than `remaining` could be taken, or as many as were asked for when refused: the effective
    /// window `t` of `RateLimit`. Zero only where nobody knows, which a bucket always does.
    pub reset: Nanos,
    /// Until it is worth trying again: zero when allowed.
    pub retry_after: Nanos,
    /// Answered by a cell that keys without one of their own share.
    pub(super) shared: bool,
}

impl Take {
    /// What a bucket elsewhere said: a token was taken, so many are left, one more comes after `reset`.
    pub const fn allowed(remaining: u32, reset: Nanos) -> Take {
        Take { allowed: true, remaining, reset, retry_after: Nanos::ZERO, shared: false }
    }

    /// What a bucket elsewhere said: there is a token after `wait`.
    pub const fn refused(wait: Nanos) -> Take {
        Take { allowed: false, remaining: 0, reset: wait, retry_after: wait, shared: false }
    }
}

/// Takes what `price` says if it is there. Callers on any number of threads together never take more than the
/// quota.
#[inline]
pub(super) fn take(word: &AtomicU64, price: &Price, now: Nanos) -> Take {
    let now = ticks(now);
    let empty = now + price.tolerance;
    let mut tat = word.load(Relaxed);
    loop {
        if tat > empty + price.slack {
            tat = clamp(word, tat, empty);
            continue;
        }
        let next = tat.max(now) + price.ticks;
        if next > empty {
            return refused(next - empty, empty.saturating_sub(tat.max(now)), price);
        }
        match word.compare_exchange_weak(tat, next, Relaxed, Relaxed) {
            Ok(_) => return allowed(empty - next, price),
            Err(seen) => tat = seen,
        }
    }
}

/// What a take would find, without taking. `allowed` says whether so many tokens are there.
pub(super) fn peek(tat: u64, price: &Price, now: Nanos) -> Take {
    let now = ticks(now);
    let empty = now + price.tolerance;
    let tat = if tat > empty + price.slack { empty } else { tat.max(now) };
    let next = tat + price.ticks;
    if next > empty {
        refused(next - empty, empty.saturating_sub(tat), price)
    } else {
        allowed(empty - tat, price)
    }
}

/// Takes what `price` says though it may not be there; what is owed then is bounded by [`Quota::in_debt`].
pub(super) fn charge(word: &AtomicU64, price: &Price, now: Nanos) {
    let now = ticks(now);
    let most = now + price.tolerance + (price.slack - SKEW);
    let mut tat = word.load(Relaxed);
    loop {
        let next = tat.max(now).saturating_add(price.ticks).min(most);
        match word.compare_exchange_weak(tat, next, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(seen) => tat = seen,
        }
    }
}

/// Returns what was taken for `price`.
pub(super) fn give_back(word: &AtomicU64, price: &Price) {
    let mut tat = word.load(Relaxed);
    while let Err(seen) = word.compare_exchange_weak(tat, tat.saturating_sub(price.ticks), Relaxed, Relaxed) {
        tat = seen;
    }
}

/// The answer where there is no bucket to ask: try again when a token would have come.
pub(super) fn refuse(price: &Price) -> Take {
    refused(price.unit.get(), 0, price)
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
fn allowed(credit: u64, price: &Price) -> Take {
    let remaining = credit / price.unit;
    Take {
        allowed: true,
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        reset: nanos(price.unit.get() - credit % price.unit),
        retry_after: Nanos::ZERO,
        shared: false,
    }
}

/// `credit` is less than what was asked for.
#[inline]
fn refused(wait: u64, credit: u64, price: &Price) -> Take {
    let wait = nanos(wait);
    let remaining = if credit < price.unit.get() { 0 } else { credit / price.unit };
    Take {
        allowed: false,
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        reset: wait,
        retry_after: wait,
        shared: false,
    }
}
