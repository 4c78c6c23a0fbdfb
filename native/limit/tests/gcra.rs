//! One bucket: the arithmetic against tables and against an exact token bucket in rational numbers.

use proptest::prelude::*;

use super::{SECOND, quota};
use crate::limit::{Buckets, Key, Quota, Take};
use crate::time::Nanos;

#[test]
fn refuses_quotas_that_cannot_be_kept() {
    let year = 365 * 86_400 * SECOND;
    for (rate, per, burst) in [
        (0, SECOND, 1),
        (1, 0, 1),
        (1, SECOND, 0),
        (1, 5 * year, 1),
        (1, u64::MAX, u32::MAX),
        (1, SECOND, u32::MAX),
    ] {
        assert_eq!(Quota::new(rate, Nanos(per), burst), None, "{rate} per {per} ns, burst {burst}");
    }
    for (rate, per, burst) in [(1, year, 4), (u32::MAX, 1, u32::MAX), (u32::MAX, SECOND, 1), (1, 1, 1)] {
        assert!(Quota::new(rate, Nanos(per), burst).is_some(), "{rate} per {per} ns, burst {burst}");
    }
}

#[test]
fn window_is_the_time_to_fill_in_whole_seconds() {
    for (rate, per, burst, seconds) in [
        (100, SECOND, 100, 1),
        (100, SECOND, 200, 2),
        (3, SECOND, 3, 1),
        (3, SECOND, 4, 2),
        (7, 60 * SECOND, 7, 60),
        (100, SECOND / 10, 100, 1),
        (1, 86_400 * SECOND, 1, 86_400),
    ] {
        assert_eq!(quota(rate, per, burst).window_seconds(), seconds, "{rate} per {per} ns, burst {burst}");
    }
}

#[test]
fn answers_follow_the_bucket() {
    let (buckets, quota) = (Buckets::new(16), quota(10, SECOND, 3));
    let tenth = SECOND / 10;
    let start = 7 * SECOND;
    let allowed = |remaining, reset| Take {
        allowed: true,
        remaining,
        reset: Nanos(reset),
        retry_after: Nanos(0),
        shared: false,
    };
    let refused = |wait| Take {
        allowed: false,
        remaining: 0,
        reset: Nanos(wait),
        retry_after: Nanos(wait),
        shared: false,
    };
    for (step, (at, expected)) in [
        (0, allowed(2, tenth)),
        (0, allowed(1, tenth)),
        (0, allowed(0, tenth)),
        (0, refused(tenth)),
        (tenth / 4, refused(tenth / 4 * 3)),
        (tenth - 1, refused(1)),
        (tenth, allowed(0, tenth)),
        (tenth * 5 / 2, allowed(0, tenth / 2)),
        (SECOND, allowed(2, tenth)),
        (100 * SECOND, allowed(2, tenth)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(buckets.take(Key(1), &quota, Nanos(start + at)), expected, "step {step}");
    }
}

#[test]
fn peek_takes_nothing_and_give_back_returns_one() {
    let (buckets, quota) = (Buckets::new(16), quota(1, SECOND, 2));
    let now = Nanos(SECOND);
    assert_eq!(buckets.peek(Key(1), &quota, now).remaining, 2);
    assert!(buckets.is_empty());
    assert_eq!(buckets.take(Key(1), &quota, now).remaining, 1);
    let taken = buckets.take(Key(1), &quota, now);
    assert_eq!(taken.remaining, 0);
    assert!(!buckets.peek(Key(1), &quota, now).allowed);
    buckets.give_back(Key(1), &quota, &quota.one(), &taken);
    assert_eq!(buckets.peek(Key(1), &quota, now).remaining, 1);
    for _ in 0..5 {
        buckets.give_back(Key(1), &quota, &quota.one(), &taken);
    }
    assert_eq!(buckets.peek(Key(1), &quota, now).remaining, 2, "never more than the burst");
}

#[test]
fn fast_quotas_do_not_drift() {
    for (rate, per, lost_per_million) in [
        (3, SECOND, 0),
        (7, 60 * SECOND, 0),
        (100_000, SECOND, 0),
        (70_001, SECOND, 4),
        (1_000_000, SECOND, 0),
        (3_000_000, SECOND, 188),
        (16, 1, 0),
    ] {
        let (buckets, quota) = (Buckets::new(1), quota(rate, per, 1000));
        let rounds = 2_000_u64;
        let step = per * 500 / u64::from(rate);
        let mut given = 0_u64;
        for round in 0..=rounds {
            let now = Nanos(SECOND + round * step);
            while buckets.take(Key(1), &quota, now).allowed {
                given += 1;
            }
        }
        let exact = 1000 + (u128::from(rounds * step) * u128::from(rate) / u128::from(per)) as u64;
        assert!(given <= exact, "{rate} per {per} ns gave {given} of {exact}");
        assert!(
            given + 1 + exact * lost_per_million / 1_000_000 >= exact,
            "{rate} per {per} ns gave {given} of {exact}"
        );
    }
}

/// A token bucket in units of 1/per tokens: nothing is rounded.
struct Exact {
    level: u128,
    capacity: u128,
    rate: u128,
    per: u128,
    seen: u64,
}

impl Exact {
    fn new(rate: u32, per: u64, burst: u32) -> Exact {
        let (rate, per) = (u128::from(rate), u128::from(per));
        Exact { level: u128::from(burst) * per, capacity: u128::from(burst) * per, rate, per, seen: 0 }
    }

    fn advance(&mut self, now: u64) {
        let earned = u128::from(now - self.seen) * self.rate;
        self.level = (self.level + earned).min(self.capacity);
        self.seen = now;
    }
}

proptest! {
    /// Where the interval is a whole number of ticks, every answer is exactly the oracle's.
    #[test]
    fn equals_the_exact_bucket(
        interval in 1..200_000_u64, burst in 1..50_u32, gaps in prop::collection::vec(0..400_000_u64, 1..200),
    ) {
        let (buckets, quota) = (Buckets::new(4), quota(1, interval, burst));
        let mut exact = Exact::new(1, interval, burst);
        let mut now = SECOND;
        exact.seen = now;
        for gap in gaps {
            now += gap;
            exact.advance(now);
            let expected = exact.level >= exact.per;
            if expected {
                exact.level -= exact.per;
            }
            let take = buckets.take(Key(9), &quota, Nanos(now));
            prop_assert_eq!(take.allowed, expected);
            prop_assert_eq!(u128::from(take.remaining), exact.level / exact.per);
            prop_assert_eq!(u128::from(take.reset.0), exact.per - exact.level % exact.per);
        }
    }

    /// Any quota: never more than the oracle has, and less only by the rounding of each interval (1/16 ns).
    #[test]
    fn never_exceeds_the_exact_bucket(
        rate in 1..5_000_u32, per in 1..50_000_000_u64, burst in 1..50_u32,
        gaps in prop::collection::vec(0..30_000_u64, 1..200),
    ) {
        let (buckets, quota) = (Buckets::new(4), quota(rate, per, burst));
        let mut exact = Exact::new(rate, per, burst);
        let mut now = SECOND;
        exact.seen = now;
        let mut rounding = u128::from(burst) + 1;
        for gap in gaps {
            now += gap;
            exact.advance(now);
            rounding += 1;
            if buckets.take(Key(9), &quota, Nanos(now)).allowed {
                prop_assert!(exact.level >= exact.per, "allowed with {} of {}", exact.level, exact.per);
                exact.level -= exact.per;
            } else {
                // 1/16 ns of time is rate/16 of the oracle's units.
                let slack = rounding * (exact.rate + 16);
                prop_assert!(exact.level * 16 < exact.per * 16 + slack, "refused with {} of {}", exact.level, exact.per);
            }
        }
    }

    /// A refusal's `retry_after` is exact: one nanosecond earlier is refused, then it is allowed.
    #[test]
    fn retry_after_is_the_moment(rate in 1..5_000_u32, per in 1_000..SECOND, burst in 1..20_u32) {
        let (buckets, quota) = (Buckets::new(4), quota(rate, per, burst));
        for _ in 0..burst {
            prop_assert!(buckets.take(Key(1), &quota, Nanos(SECOND)).allowed);
        }
        let refused = buckets.take(Key(1), &quota, Nanos(SECOND));
        prop_assert!(!refused.allowed && refused.retry_after == refused.reset && refused.reset > Nanos(0));
        let moment = SECOND + refused.retry_after.0;
        prop_assert!(!buckets.peek(Key(1), &quota, Nanos(moment - 1)).allowed);
        prop_assert!(buckets.take(Key(1), &quota, Nanos(moment)).allowed);
    }
}
