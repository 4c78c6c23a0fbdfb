//! How many exchanges of a key are under way, in one atomic word: taken when one is decided, given back at its end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::bucket::Take;
use super::cell::Cell;
use super::counters::Counters;
use super::key::Key;
use crate::sync::AtomicU64;
use crate::time::Nanos;

/// When it is worth trying again; nobody knows when an exchange ends.
pub(super) const TRY_AGAIN: Nanos = Nanos::from_secs(1);

/// Exchanges under way.
#[derive(Default)]
pub(super) struct InFlight(pub AtomicU64);

impl Cell for InFlight {
    /// Most of them at once.
    type Rule = u32;

    fn is_free(&self, _now: u64) -> bool {
        self.0.load(Relaxed) == 0
    }
}

/// One more if there are fewer than `max`.
pub(super) fn take(count: &AtomicU64, max: u32) -> Take {
    let one_more = |n: u64| (n < u64::from(max)).then_some(n + 1);
    match count.fetch_update(Relaxed, Relaxed, one_more) {
        Ok(before) => answer(before + 1, max, true),
        Err(now) => answer(now, max, false),
    }
}

/// What a take would find, without taking.
pub(super) fn peek(count: u64, max: u32) -> Take {
    answer(count, max, count < u64::from(max))
}

pub(super) fn give_back(count: &AtomicU64) {
    let _ = count.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
}

fn answer(count: u64, max: u32, allowed: bool) -> Take {
    Take {
        allowed,
        remaining: u32::try_from(u64::from(max).saturating_sub(count)).unwrap_or(u32::MAX),
        reset: Nanos::ZERO,
        retry_after: if allowed { Nanos::ZERO } else { TRY_AGAIN },
        shared: false,
    }
}

/// The place of an exchange among those of its key; it is given back when this is dropped, so exactly once.
pub struct Flight {
    pub(super) counters: Arc<Counters>,
    pub(super) key: Key,
    pub(super) max: u32,
    pub(super) shared: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.counters.flights.give_back(self.key, &self.max, self.shared, |cell| give_back(&cell.0));
    }
}
