//! A quota as the arithmetic needs it; whatever cannot be kept exactly is refused here, not later.

use std::num::NonZeroU64;

use super::bucket::SKEW;
use crate::time::Nanos;

/// Time inside buckets is counted in sixteenths of a nanosecond, so that fast quotas keep their rate.
const FRACTION_BITS: u32 = 4;

/// Later times count as this one (18 years after the clock's origin), which leaves room for every tolerance.
const LATEST_NANOS: u64 = 1 << 59;

/// What is owed beyond an empty bucket is paid within this time, or within that of filling the bucket if it is
/// longer.
const LONGEST_DEBT_NANOS: u64 = 3600 * 1_000_000_000;

/// The longest time that a bucket may need to fill, in nanoseconds: 4.5 years.
const LONGEST_FILL_NANOS: u128 = 1 << 57;

/// No sum of a time, a tolerance, a price and a slack passes the end of a word.
const LONGEST_SLACK: u64 = 1 << 61;

/// `rate` tokens every `per`, at most `burst` of them saved up.
///
/// The interval between two tokens is rounded up to 1/16 ns, so a bucket never gives more than its quota, and
/// less only by that much: 6 in a million at 100,000 tokens a second, nothing where the interval is a
/// multiple of 1/16 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    interval: NonZeroU64,
    tolerance: u64,
    /// How far beyond an empty bucket a TAT may lie and be believed.
    slack: u64,
    window_seconds: u64,
    burst: u32,
}

/// What one take costs at one moment, and what a bucket holds, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Between two tokens.
    pub(super) unit: NonZeroU64,
    pub(super) ticks: u64,
    pub(super) tolerance: u64,
    pub(super) slack: u64,
}

impl Quota {
    /// `None` when `rate`, `per` or `burst` is zero, or when an empty bucket would need more than 4.5 years
    /// to fill.
    ///
    /// More than 16 tokens a nanosecond count as 16.
    pub fn new(rate: u32, per: Nanos, burst: u32) -> Option<Quota> {
        if rate == 0 || per.0 == 0 || burst == 0 {
            return None;
        }
        let (rate, per, capacity) = (u128::from(rate), u128::from(per.0), u128::from(burst));
        if capacity * per > LONGEST_FILL_NANOS * rate {
            return None;
        }
        let interval = NonZeroU64::new(u64::try_from((per << FRACTION_BITS).div_ceil(rate)).ok()?)?;
        let window = (capacity * per).div_ceil(rate * 1_000_000_000);
        Some(Quota {
            interval,
            tolerance: interval.get().checked_mul(u64::from(burst))?,
            slack: SKEW,
            window_seconds: u64::try_from(window).ok()?,
            burst,
        })
    }

    /// The same quota where takes of `tokens` may cost up to `times` as much: while a limit warms up.
    pub fn slowed(self, times: u64, tokens: u32) -> Quota {
        let dearest = self.interval.get().saturating_mul(u64::from(tokens)).saturating_mul(times);
        Quota { slack: SKEW + dearest.min(LONGEST_SLACK), ..self }
    }

    /// The same quota where more may be charged than is there. What is owed then is paid within an hour, or within the
    /// time in which the bucket fills if that is longer; what would take longer is let off.
    pub fn in_debt(self) -> Quota {
        let debt = ticks(Nanos(LONGEST_DEBT_NANOS)).max(self.tolerance);
        Quota { slack: SKEW + debt.min(LONGEST_SLACK), ..self }
    }

    /// The price of one token.
    #[inline]
    pub const fn one(&self) -> Price {
        let Quota { interval, tolerance, slack, .. } = *self;
        Price { unit: interval, ticks: interval.get(), tolerance, slack }
    }

    /// The price of so many tokens.
    pub fn price(&self, tokens: u64) -> Price {
        let one = self.one();
        Price { ticks: one.ticks.saturating_mul(tokens).min(LONGEST_SLACK), ..one }
    }

    /// The price of so many tokens while one takes `unit`; as many are always there in the end.
    pub fn price_at(&self, unit: NonZeroU64, tokens: u64) -> Price {
        let ticks = unit.get().saturating_mul(tokens).min(LONGEST_SLACK);
        Price { unit, ticks, tolerance: self.tolerance.max(ticks), slack: self.slack }
    }

    /// The capacity: how many tokens a full bucket holds, at least 1.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Seconds in which an empty bucket fills, rounded up: the `w` that belongs to `q` = burst. At least 1.
    pub const fn window_seconds(&self) -> u64 {
        self.window_seconds
    }

    /// Ticks between two tokens.
    pub const fn interval(&self) -> NonZeroU64 {
        self.interval
    }
}

/// A moment in ticks.
pub(super) const fn ticks(now: Nanos) -> u64 {
    let nanos = if now.0 < LATEST_NANOS { now.0 } else { LATEST_NANOS };
    nanos << FRACTION_BITS
}

/// A span of ticks, rounded up to nanoseconds.
pub(super) const fn nanos(ticks: u64) -> Nanos {
    Nanos(ticks.div_ceil(1 << FRACTION_BITS))
}
