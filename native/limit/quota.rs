//! A quota as the arithmetic needs it; whatever cannot be kept exactly is refused here, not later.

use std::num::NonZeroU64;

use crate::time::Nanos;

/// Time inside buckets is counted in sixteenths of a nanosecond, so that fast quotas keep their rate.
const FRACTION_BITS: u32 = 4;

/// Later times count as this one (18 years after the clock's origin), which leaves room for every tolerance.
const LATEST_NANOS: u64 = 1 << 59;

/// The longest time that a bucket may need to fill, in nanoseconds: 4.5 years.
const LONGEST_FILL_NANOS: u128 = 1 << 57;

/// `rate` tokens every `per`, at most `burst` of them saved up.
///
/// The interval between two tokens is rounded up to 1/16 ns, so a bucket never gives more than its quota, and
/// less only by that much: 6 in a million at 100,000 tokens a second, nothing where the interval is a
/// multiple of 1/16 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    interval: NonZeroU64,
    tolerance: u64,
    window_seconds: u64,
    burst: u32,
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
            window_seconds: u64::try_from(window).ok()?,
            burst,
        })
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
    pub(super) const fn interval(&self) -> NonZeroU64 {
        self.interval
    }

    /// Ticks in which an empty bucket fills: `burst` intervals.
    pub(super) const fn tolerance(&self) -> u64 {
        self.tolerance
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
