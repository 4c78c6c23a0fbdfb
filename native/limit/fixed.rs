//! A quota for an hour, a day or a month, aligned to UTC: a count and the end of its window in one atomic word.

use std::sync::atomic::Ordering::Relaxed;

use super::bucket::Take;
use super::quota::ticks;
use super::window::Window;
use crate::time::{Nanos, UnixSeconds};

const DAY: u64 = 86_400;

/// At most `rate` in each span; what is left at its end is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    rate: u32,
    span: Span,
}

/// Which windows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// They begin at multiples of so many seconds since 1970-01-01T00:00:00Z; at least 1.
    Seconds(u32),
    /// Calendar months.
    Month,
}

/// The word: the second at which the window ends, and the count.
#[derive(Clone, Copy)]
struct Counted {
    end: u64,
    count: u64,
}

impl Counted {
    fn of(word: u64) -> Counted {
        Counted { end: word >> 32, count: word & 0xffff_ffff }
    }

    fn word(self) -> u64 {
        self.end << 32 | self.count
    }
}

impl Span {
    /// The first second that is no longer in the window of `at`.
    pub fn end(self, at: u64) -> u64 {
        match self {
            Span::Seconds(seconds) => (at / u64::from(seconds) + 1) * u64::from(seconds),
            Span::Month => month_end(at),
        }
    }

    /// Seconds of the longest window.
    const fn seconds(self) -> u64 {
        match self {
            Span::Seconds(seconds) => seconds as u64,
            Span::Month => 31 * DAY,
        }
    }
}

impl Fixed {
    /// `None` when the rate or the span is zero.
    pub fn new(rate: u32, span: Span) -> Option<Fixed> {
        (rate > 0 && span != Span::Seconds(0)).then_some(Fixed { rate, span })
    }

    /// The same windows for another rate.
    pub fn with_rate(&self, rate: u32) -> Option<Fixed> {
        Fixed::new(rate, self.span)
    }

    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Seconds of a window; of a month, 31 days.
    pub const fn window_seconds(&self) -> u64 {
        self.span.seconds()
    }

    /// Takes `tokens` if they are there; callers on any number of threads together never take more than the quota.
    pub(super) fn take(&self, cell: &Window, tokens: u32, now: Nanos, unix: UnixSeconds) -> Take {
        self.add(cell, u64::from(tokens), now, unix, |count| count <= u64::from(self.rate))
    }

    /// Counts `tokens` though they may not be there.
    pub(super) fn charge(&self, cell: &Window, tokens: u64, now: Nanos, unix: UnixSeconds) {
        self.add(cell, tokens, now, unix, |_| true);
    }

    /// What a take would find, without taking.
    pub(super) fn peek(&self, word: u64, tokens: u32, unix: UnixSeconds) -> Take {
        let counted = self.seen(word, unix);
        let allowed = counted.count + u64::from(tokens) <= u64::from(self.rate);
        self.answer(counted, allowed, unix)
    }

    /// Returns what was just taken; of a window that ended since nothing is left to return to.
    pub(super) fn give_back(cell: &Window, tokens: u32) {
        let mut word = cell.state.load(Relaxed);
        loop {
            let counted = Counted::of(word);
            let fewer = Counted { count: counted.count.saturating_sub(u64::from(tokens)), ..counted };
            match cell.state.compare_exchange_weak(word, fewer.word(), Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => word = other,
            }
        }
    }

    fn add(
        &self,
        cell: &Window,
        tokens: u64,
        now: Nanos,
        unix: UnixSeconds,
        fits: impl Fn(u64) -> bool,
    ) -> Take {
        let mut word = cell.state.load(Relaxed);
        loop {
            let counted = self.seen(word, unix);
            let count = counted.count.saturating_add(tokens).min(u64::from(u32::MAX));
            let allowed = fits(count);
            // A count that a clock took along is written down, or it would come along again.
            if !allowed && counted.end >= Counted::of(word).end {
                return self.answer(counted, false, unix);
            }
            let more = if allowed { Counted { count, ..counted } } else { counted };
            match cell.state.compare_exchange_weak(word, more.word(), Relaxed, Relaxed) {
                Ok(_) => {
                    let left = Nanos::from_secs(more.end.saturating_sub(unix.0).saturating_add(1));
                    cell.until.store(ticks(now.plus(left)), Relaxed);
                    return self.answer(more, allowed, unix);
                }
                Err(other) => word = other,
            }
        }
    }

    /// A caller whose clock lags counts in the window that others have begun. A clock that went back by more takes the
    /// count along into the window now: nothing is won by it.
    fn seen(&self, word: u64, unix: UnixSeconds) -> Counted {
        let counted = Counted::of(word);
        let end = self.span.end(unix.0).min(u64::from(u32::MAX));
        if counted.end < end {
            return Counted { end, count: 0 };
        }
        if counted.end > self.span.end(end) { Counted { end, ..counted } } else { counted }
    }

    fn answer(&self, counted: Counted, allowed: bool, unix: UnixSeconds) -> Take {
        let reset = Nanos::from_secs(counted.end.saturating_sub(unix.0).max(1));
        let left = u64::from(self.rate).saturating_sub(counted.count);
        Take {
            allowed,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            reset,
            retry_after: if allowed { Nanos::ZERO } else { reset },
            shared: false,
        }
    }
}

/// The first second of the month after that of `at`. Years are counted from March, so that the leap day is the last of
/// its year; months then follow 31 30 31 30 31 twice and a half.
fn month_end(at: u64) -> u64 {
    const ERA: u64 = 146_097;
    const FROM_YEAR_0_MARCH_1: u64 = 719_468;
    let days = at / DAY + FROM_YEAR_0_MARCH_1;
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let next = match month {
        // The year ends with February, which has what is left of it.
        11 => {
            let year = year + 1;
            365 * year + year / 4 - year / 100 + year / 400
        }
        _ => 365 * year + year / 4 - year / 100 + (153 * (month + 1) + 2) / 5,
    };
    (era * ERA + next - FROM_YEAR_0_MARCH_1) * DAY
}
