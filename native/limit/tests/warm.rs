//! Warming up against exact rational arithmetic, after a rest, and when the clock jumps.

use std::sync::Arc;

use proptest::prelude::*;

use super::{SECOND, Single, quota};
use crate::limit::{Rule, WarmUp};
use crate::time::Nanos;

fn warming(rate: u32, burst: u32, span: u64) -> Single {
    Single::new(Rule::warming(quota(rate, SECOND, burst), Nanos(span), burst, Arc::new(WarmUp::default())))
}

/// Requests that pass in one second, asked for every millisecond.
fn passed(single: &Single, from: u64) -> usize {
    (0..1000).filter(|ms| single.take(1, from + ms * 1_000_000).allowed).count()
}

#[test]
fn the_rate_rises_in_a_straight_line_from_a_third() {
    let single = warming(90, 4, 10 * SECOND);
    let seconds: Vec<_> = (0..12).map(|s| passed(&single, (100 + s) * SECOND)).collect();
    for (second, count) in seconds.iter().enumerate() {
        let wanted = if second >= 10 { 90 } else { 30 + 6 * second + 3 };
        assert!(count.abs_diff(wanted) <= 3, "{count} instead of {wanted} in second {second}: {seconds:?}");
    }
}

#[test]
fn a_cold_bucket_holds_a_third_and_at_least_what_is_asked_for() {
    let single = warming(1, 9, 10 * SECOND);
    let burst = |now| (0..20).filter(|_| single.take(1, now).allowed).count();
    assert_eq!(burst(SECOND), 3);
    let single = warming(1, 1, 10 * SECOND);
    assert!(single.take(1, SECOND).allowed && !single.take(1, 2 * SECOND).allowed);
    let single = warming(10, 10, 10 * SECOND);
    assert!(single.take(10, SECOND).allowed, "all of it costs a longer wait, not forever");
}

#[test]
fn a_rest_cools_it_down_and_use_does_not() {
    let single = warming(90, 4, 2 * SECOND);
    passed(&single, 100 * SECOND);
    passed(&single, 101 * SECOND);
    assert_eq!(passed(&single, 102 * SECOND), 90);
    assert!(single.take(1, 104 * SECOND + SECOND / 2).allowed, "a pause that is shorter than the warm-up");
    assert!(passed(&single, 104 * SECOND + SECOND / 2 + 50_000_000) >= 88);
    assert!(passed(&single, 110 * SECOND) <= 47);
}

#[test]
fn a_clock_that_jumps_back_does_not_keep_it_cold() {
    let single = warming(90, 4, 2 * SECOND);
    single.take(1, 1_000_000 * SECOND);
    passed(&single, 10 * SECOND);
    passed(&single, 11 * SECOND);
    passed(&single, 12 * SECOND);
    assert!(passed(&single, 13 * SECOND) >= 88);
}

proptest! {
    /// The bucket in exact fractions: a token taken at `t` is worth `1 / (rate · f(t))` seconds of refilling.
    #[test]
    fn answers_as_the_oracle_does(
        rate in 1..100_u32,
        burst in 1..20_u32,
        span in 1..20_u64,
        steps in prop::collection::vec(0..400_000_000_u64, 1..200),
    ) {
        let single = warming(rate, burst, span * SECOND);
        let interval = (u128::from(SECOND) << 4).div_ceil(u128::from(rate));
        let span = u128::from(span * SECOND);
        let start = 50 * SECOND + steps[0].min(span as u64 / 2);
        let (mut now, mut tat) = (50 * SECOND, 0_u128);
        for gap in steps {
            now += gap.min(span as u64 / 2);
            let elapsed = u128::from(now - start);
            let unit = if elapsed >= span { interval } else { (interval * 3 * span).div_ceil(span + 2 * elapsed) };
            let at = u128::from(now) << 4;
            let empty = at + (interval * u128::from(burst)).max(unit);
            let next = tat.max(at) + unit;
            let expected = next <= empty;
            if expected {
                tat = next;
            }
            prop_assert_eq!(single.take(1, now).allowed, expected);
        }
    }
}
