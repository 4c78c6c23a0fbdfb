//! A sliding window in one atomic word: what came in the window now and in the one before it, which still counts by the
//! share of it that lies within the last `per`.

use std::sync::atomic::Ordering::Relaxed;

use super::bucket::{SKEW, Take};
use super::cell::Cell;
use super::fixed::Fixed;
use super::quota::ticks;
use crate::sync::AtomicU64;
use crate::time::Nanos;

/// The largest rate of a sliding window: a count has 20 bits.
pub const MAX_SLIDING_RATE: u32 = 1_000_000;

const COUNT_BITS: u32 = 20;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
const INDEX: u64 = (1 << (64 - 2 * COUNT_BITS)) - 1;
const MICRO: u64 = 1000;

/// What a key used of its windows, and when that counts no longer, in ticks.
#[derive(Default)]
pub(super) struct Window {
    pub state: AtomicU64,
    /// Read only when no take is under way.
    pub until: AtomicU64,
}

/// Which windows; those of equal rules may share a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowRule {
    Sliding(Sliding),
    Fixed(Fixed),
}

impl WindowRule {
    /// The same windows for another rate; `None` when it is zero or too much.
    pub fn with_rate(&self, rate: u32) -> Option<WindowRule> {
        match self {
            WindowRule::Sliding(one) => Sliding::new(rate, Nanos(one.per * MICRO)).map(WindowRule::Sliding),
            WindowRule::Fixed(one) => one.with_rate(rate).map(WindowRule::Fixed),
        }
    }
}

impl Cell for Window {
    type Rule = WindowRule;

    fn is_free(&self, now: u64) -> bool {
        self.until.load(Relaxed).saturating_add(SKEW) <= now
    }
}

/// At most `rate` in any `per`, as far as two counts can tell: what came in the window before is taken to have come
/// evenly. Time is counted in whole microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    rate: u32,
    /// Microseconds.
    per: u64,
}

/// The word: the number of the window modulo 2^24, the count of the one before, its own.
#[derive(Clone, Copy)]
struct Counts {
    index: u64,
    before: u64,
    now: u64,
}

impl Counts {
    fn of(word: u64) -> Counts {
        Counts { index: word >> (2 * COUNT_BITS), before: word >> COUNT_BITS & COUNT, now: word & COUNT }
    }

    fn word(self) -> u64 {
        (self.index & INDEX) << (2 * COUNT_BITS) | self.before << COUNT_BITS | self.now
    }
}

/// The counts as a caller sees them, and where in their window it is.
struct Seen {
    counts: Counts,
    /// The number of their window, whole.
    index: u64,
    /// Microseconds since it began.
    into: u64,
    /// The clock went back: what was counted now counts here.
    moved: bool,
}

impl Sliding {
    /// `None` unless 1 to a million in 1 ms to 31 days.
    pub fn new(rate: u32, per: Nanos) -> Option<Sliding> {
        const LONGEST: u64 = 31 * 86_400 * 1_000_000;
        let per = per.0 / MICRO;
        let fits = (1..=MAX_SLIDING_RATE).contains(&rate) && (1_000..=LONGEST).contains(&per);
        fits.then_some(Sliding { rate, per })
    }

    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Seconds of a window, rounded up.
    pub const fn window_seconds(&self) -> u64 {
        self.per.div_ceil(1_000_000)
    }

    /// Takes `tokens` if they are there; callers on any number of threads together never take more than the rule.
    pub(super) fn take(&self, cell: &Window, tokens: u32, now: Nanos) -> Take {
        let mut word = cell.state.load(Relaxed);
        loop {
            let mut seen = self.seen(word, now);
            let room = self.room(&seen);
            let fits = room >= u64::from(tokens);
            if fits {
                seen.counts.now += u64::from(tokens);
            } else if !seen.moved {
                return self.refused(&seen, tokens, room, now);
            }
            match cell.state.compare_exchange_weak(word, seen.counts.word(), Relaxed, Relaxed) {
                Ok(_) => {
                    let until = (seen.index + 2).saturating_mul(self.per).saturating_mul(MICRO);
                    cell.until.store(ticks(Nanos(until)), Relaxed);
                    return if fits {
                        self.allowed(&seen, now)
                    } else {
                        self.refused(&seen, tokens, room, now)
                    };
                }
                Err(other) => word = other,
            }
        }
    }

    /// What a take would find, without taking.
    pub(super) fn peek(&self, word: u64, tokens: u32, now: Nanos) -> Take {
        let seen = self.seen(word, now);
        let room = self.room(&seen);
        if room < u64::from(tokens) {
            self.refused(&seen, tokens, room, now)
        } else {
            self.allowed(&seen, now)
        }
    }

    /// Returns what was just taken.
    pub(super) fn give_back(cell: &Window, tokens: u32) {
        let tokens = u64::from(tokens);
        let mut word = cell.state.load(Relaxed);
        loop {
            let mut counts = Counts::of(word);
            // A window that ended since has them among those of the window before.
            let of = if counts.now >= tokens { &mut counts.now } else { &mut counts.before };
            *of = of.saturating_sub(tokens);
            match cell.state.compare_exchange_weak(word, counts.word(), Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => word = other,
            }
        }
    }

    /// A caller whose clock lags counts in the window that others have begun, as at its beginning. A clock that went
    /// back by more has everything in the window now: nothing is won by it, and nothing owed for longer than two windows.
    fn seen(&self, word: u64, now: Nanos) -> Seen {
        let micros = now.0 / MICRO;
        let (index, into) = (micros / self.per, micros % self.per);
        let counts = Counts::of(word);
        let behind = index.wrapping_sub(counts.index) & INDEX;
        let (before, count) = match behind {
            _ if word == 0 => (0, 0),
            0 => (counts.before, counts.now),
            1 => (counts.now, 0),
            INDEX => return Seen { counts, index: index + 1, into: 0, moved: false },
            _ if behind <= INDEX / 2 => (0, 0),
            _ => (0, (counts.before + counts.now).min(u64::from(self.rate))),
        };
        let moved = word != 0 && behind > INDEX / 2;
        Seen { counts: Counts { index: index & INDEX, before, now: count }, index, into, moved }
    }

    /// Whole tokens that are left.
    fn room(&self, seen: &Seen) -> u64 {
        let all = u64::from(self.rate) * self.per;
        let used = seen.counts.before * (self.per - seen.into) + seen.counts.now * self.per;
        all.saturating_sub(used) / self.per
    }

    /// Time until `tokens` are there if nobody takes any.
    fn wait(&self, seen: &Seen, tokens: u64, now: Nanos) -> Nanos {
        let rate = u64::from(self.rate);
        let Counts { before, now: count, .. } = seen.counts;
        // The moment of a window, counted from its beginning, from which on no more than `spare` counts of the one before.
        let after = |before: u64, spare: u64| match before {
            0 => 0,
            _ => self.per - (spare.saturating_mul(self.per) / before).min(self.per),
        };
        let at = match rate.checked_sub(count + tokens) {
            Some(spare) => after(before, spare),
            None => self.per + after(count, rate.saturating_sub(tokens)),
        };
        Nanos(at.saturating_sub(seen.into).saturating_mul(MICRO).saturating_sub(now.0 % MICRO))
    }

    fn allowed(&self, seen: &Seen, now: Nanos) -> Take {
        let room = self.room(seen);
        let reset = if room >= u64::from(self.rate) {
            Nanos(self.per * MICRO)
        } else {
            self.wait(seen, room + 1, now)
        };
        let remaining = u32::try_from(room).unwrap_or(u32::MAX);
        Take { allowed: true, remaining, reset: reset.max(Nanos(1)), retry_after: Nanos::ZERO, shared: false }
    }

    fn refused(&self, seen: &Seen, tokens: u32, room: u64, now: Nanos) -> Take {
        let wait = self.wait(seen, u64::from(tokens), now).max(Nanos(1));
        let remaining = u32::try_from(room).unwrap_or(u32::MAX);
        Take { allowed: false, remaining, reset: wait, retry_after: wait, shared: false }
    }
}
