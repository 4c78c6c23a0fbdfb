//! Warming up: from a third of its rate a limit comes to all of it in a straight line, over a time that begins when it is
//! first used, or used again after having rested for as long.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::sync::AtomicU64;
use crate::time::Nanos;

/// How many times dearer a token is in the beginning.
pub(super) const COLD: u64 = 3;

/// When a limit began to warm up and was last used: one state per limit, kept across reloads.
#[derive(Default)]
pub struct WarmUp {
    /// Nanoseconds and 1; 0 before the first use.
    began: AtomicU64,
    seen: AtomicU64,
}

impl WarmUp {
    /// Notes a use at `now`, and returns the time since the warm-up began.
    pub(super) fn elapsed(&self, span: Nanos, now: Nanos) -> Nanos {
        let at = now.0.saturating_add(1);
        let seen = self.seen.load(Acquire);
        let began = self.began.load(Relaxed);
        let rested = at.saturating_sub(seen) >= span.0;
        // A clock that went back would keep it cold for as long.
        let went_back = began > at.saturating_add(span.0);
        if seen == 0 || rested || went_back {
            self.began.store(at, Relaxed);
            self.seen.store(at, Release);
            return Nanos::ZERO;
        }
        // A line that all threads share is not written by each request.
        if at > seen + span.0 / 64 || at + span.0 / 64 < seen {
            self.seen.store(at, Release);
        }
        Nanos(at.saturating_sub(began))
    }
}

/// Ticks between two tokens, `elapsed` after the beginning: at `rate · (1/3 + 2/3 · elapsed / span)`, rounded up.
pub(super) fn slowed(interval: NonZeroU64, span: Nanos, elapsed: Nanos) -> NonZeroU64 {
    if elapsed >= span {
        return interval;
    }
    let slow = (u128::from(interval.get()) * u128::from(COLD) * u128::from(span.0))
        .div_ceil(u128::from(span.0) + 2 * u128::from(elapsed.0));
    u64::try_from(slow).ok().and_then(NonZeroU64::new).unwrap_or(interval)
}
