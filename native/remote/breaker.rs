//! When a store counts as away, and when it is tried again; arithmetic without clock and socket.

use crate::time::Nanos;

/// Failures in a row after which nobody waits for the store any more.
pub(super) const FAILURES: u32 = 3;
const FIRST: Nanos = Nanos::from_millis(100);
const LONGEST: Nanos = Nanos::from_secs(2);

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
}

impl Breaker {
    /// True when this failure is the one that trips it.
    pub fn failed(&mut self) -> bool {
        self.failures += 1;
        self.failures == FAILURES
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// The pauses between attempts to connect: each twice the one before, up to 2 s, of which up to half is left out so
/// that a fleet does not come back in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// `random` is any number; it chooses how much is left out.
    pub fn next(&mut self, random: u64) -> Nanos {
        let longest = FIRST.0.saturating_mul(1 << self.attempts.min(16)).min(LONGEST.0);
        self.attempts = self.attempts.saturating_add(1);
        Nanos(longest - random % (longest / 2))
    }

    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}
