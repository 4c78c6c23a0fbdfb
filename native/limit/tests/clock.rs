//! Clocks that go back or disagree, and quotas that change under a bucket.

use proptest::prelude::*;

use super::{SECOND, quota};
use crate::limit::{Buckets, Key};
use crate::time::Nanos;

#[test]
fn a_clock_that_goes_back_gives_nothing_and_locks_nobody_out() {
    let (buckets, quota) = (Buckets::new(16), quota(10, SECOND, 5));
    let late = 1_000_000 * SECOND;
    for _ in 0..5 {
        assert!(buckets.take(Key(1), &quota, Nanos(late)).allowed);
    }
    let early = 2 * SECOND;
    let refused = buckets.take(Key(1), &quota, Nanos(early));
    assert!(!refused.allowed);
    assert_eq!(refused.retry_after, Nanos(SECOND / 10), "the wait counts from the new time");
    assert!(!buckets.take(Key(1), &quota, Nanos(early + SECOND / 10 - 1)).allowed);
    assert!(buckets.take(Key(1), &quota, Nanos(early + SECOND / 10)).allowed);
    assert!(!buckets.take(Key(1), &quota, Nanos(early + SECOND / 10)).allowed);
}

#[test]
fn peek_after_a_jump_says_what_a_take_would() {
    let (buckets, quota) = (Buckets::new(16), quota(10, SECOND, 5));
    buckets.take(Key(1), &quota, Nanos(100 * SECOND));
    let peeked = buckets.peek(Key(1), &quota, Nanos(5 * SECOND));
    assert_eq!(peeked, buckets.take(Key(1), &quota, Nanos(5 * SECOND)));
    assert!(!peeked.allowed);
}

#[test]
fn a_caller_whose_clock_lags_wins_no_token() {
    let (buckets, quota) = (Buckets::new(16), quota(1000, SECOND, 1));
    let mut given = 0;
    for step in 0..10_000_u64 {
        let ahead = Nanos(10 * SECOND + step * 100_000);
        let behind = Nanos(ahead.0 - SECOND / 2);
        given += u32::from(buckets.take(Key(1), &quota, ahead).allowed);
        given += u32::from(buckets.take(Key(1), &quota, behind).allowed);
    }
    assert_eq!(given, 1000, "one token a millisecond for one second");
}

#[test]
fn a_lagging_caller_keeps_the_debt_of_a_bucket_that_expired_for_another() {
    let (buckets, slow) = (Buckets::new(1), quota(2, SECOND, 2));
    let now = 10 * SECOND;
    assert!(buckets.take(Key(1), &slow, Nanos(now)).allowed);
    assert!(buckets.take(Key(1), &slow, Nanos(now)).allowed);
    buckets.take(Key(2), &slow, Nanos(now + SECOND + 1));
    assert!(!buckets.take(Key(1), &slow, Nanos(now + 1)).allowed);
}

#[test]
fn a_changed_quota_clamps_and_never_refills() {
    let large = quota(10, SECOND, 100);
    let now = Nanos(50 * SECOND);
    for (name, changed, wait) in [
        ("smaller burst", quota(10, SECOND, 10), SECOND / 10),
        ("faster", quota(1000, SECOND, 1000), SECOND / 1000),
        ("same time to fill", quota(100, SECOND, 1000), SECOND / 100),
    ] {
        let buckets = Buckets::new(16);
        for _ in 0..100 {
            assert!(buckets.take(Key(1), &large, now).allowed);
        }
        let take = buckets.take(Key(1), &changed, now);
        assert!(!take.allowed, "{name}");
        assert_eq!(take.retry_after, Nanos(wait), "{name}");
        assert!(buckets.take(Key(1), &changed, Nanos(now.0 + wait)).allowed, "{name}");
        assert!(!buckets.take(Key(1), &changed, Nanos(now.0 + wait)).allowed, "{name}");
    }
}

#[test]
fn time_at_the_end_of_its_range_overflows_nowhere() {
    let buckets = Buckets::new(4);
    for now in [0, 1, 1 << 58, u64::MAX - 1, u64::MAX] {
        for quota in [quota(1, 1 << 57, 1), quota(u32::MAX, 1, u32::MAX), quota(1, 1, 1)] {
            for key in 0..8 {
                let take = buckets.take(Key(key), &quota, Nanos(now));
                buckets.peek(Key(key), &quota, Nanos(now));
                buckets.give_back(Key(key), &quota, &quota.one(), &take);
            }
        }
    }
}

proptest! {
    /// However the clock wanders, a bucket gives at most a burst plus what the forward movement earns.
    #[test]
    fn a_wandering_clock_earns_only_what_passes(
        interval in 1_000..SECOND, burst in 1..10_u32,
        steps in prop::collection::vec((any::<bool>(), 0..5 * SECOND), 1..200),
    ) {
        let (buckets, quota) = (Buckets::new(4), quota(1, interval, burst));
        let mut now = 10_000 * SECOND;
        let (mut given, mut forward) = (0_u64, 0_u64);
        for (back, step) in steps {
            if back {
                now -= step;
            } else {
                now += step;
                forward += step;
            }
            given += u64::from(buckets.take(Key(1), &quota, Nanos(now)).allowed);
        }
        prop_assert!(given <= u64::from(burst) + forward / interval);
    }

    /// After any jump back, a client waits at most for one token plus the tolerated second.
    #[test]
    fn a_jump_never_locks_out(back in 0..1_000 * SECOND, rate in 1..1000_u32, burst in 1..100_u32) {
        let (buckets, quota) = (Buckets::new(4), quota(rate, SECOND, burst));
        let late = 5_000 * SECOND;
        while buckets.take(Key(1), &quota, Nanos(late)).allowed {}
        let early = late - back;
        buckets.take(Key(1), &quota, Nanos(early));
        let wait = SECOND + SECOND.div_ceil(u64::from(rate)) + 1;
        prop_assert!(buckets.take(Key(1), &quota, Nanos(early + wait)).allowed);
    }
}
