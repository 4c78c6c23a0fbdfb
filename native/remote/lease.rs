//! How much to lease, how long it is good, and when to ask again: arithmetic on what is known of one key.

use super::script::Rate;
use crate::time::Nanos;

/// A lease shall last so long at the pace at which the last one was spent.
pub(super) const HORIZON: Nanos = Nanos::from_secs(1);
/// Tokens of a lease that nobody wanted for so long go back.
pub(super) const GOOD_FOR: Nanos = Nanos::from_secs(2);
/// The longest that a gateway refuses by itself before it asks again.
const LONGEST_PAUSE: Nanos = Nanos::from_millis(250);
/// The shortest.
const SHORTEST_PAUSE: Nanos = Nanos::from_millis(5);

/// The most that one of `gateways` may hold: all together half of a burst. At least one token.
pub(super) fn largest(rate: &Rate, gateways: u32) -> u32 {
    (rate.burst / gateways.max(1).saturating_mul(2)).max(1)
}

/// The size of the next lease, from how many tokens were spent in which time since the last one was asked for. It
/// grows at most fourfold and halves at most, and lies between one token and `largest`.
pub(super) fn next_size(size: u32, spent: u32, took: Nanos, largest: u32) -> u32 {
    let took = u128::from(took.0.max(1));
    let pace = u128::from(spent) * u128::from(HORIZON.0) / took;
    let pace = u32::try_from(pace).unwrap_or(u32::MAX);
    let least = (size / 2).max(1);
    pace.clamp(least, size.saturating_mul(4).max(least)).min(largest)
}

/// What is left of a lease when the next one is asked for, so that nobody waits for it.
pub(super) const fn low_water(size: u32) -> u32 {
    size / 4
}

/// How long to refuse without asking when fewer tokens were granted than wanted: until a token is there, and rather
/// until half a lease is, since every answer of one token would cost a call.
pub(super) fn pause(rate: &Rate, size: u32, wait: Nanos) -> Nanos {
    let half = rate.time_of(size.div_ceil(2)).0.clamp(SHORTEST_PAUSE.0, LONGEST_PAUSE.0);
    Nanos(wait.0.max(half))
}
