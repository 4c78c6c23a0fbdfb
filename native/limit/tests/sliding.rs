//! The sliding window against an exact oracle, under threads, at its ends and when clocks jump.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use proptest::prelude::*;

use super::{SECOND, Single};
use crate::limit::Sliding;
use crate::time::Nanos;

const MICRO: u64 = 1000;

fn sliding(rate: u32, per: u64) -> Single {
    Single::new(Sliding::new(rate, Nanos(per)).expect("a valid window"))
}

/// Counts by window, and the rule in exact fractions of a microsecond: what came in the window before counts by the
/// share of it that the last `per` still covers.
struct Oracle {
    rate: i128,
    per: i128,
    counts: HashMap<i128, i128>,
}

impl Oracle {
    fn used(&self, at: i128) -> i128 {
        let (index, into) = (at / self.per, at % self.per);
        let count = |index| self.counts.get(&index).copied().unwrap_or(0);
        count(index - 1) * (self.per - into) + count(index) * self.per
    }

    fn fits(&self, tokens: i128, at: i128) -> bool {
        self.used(at) + tokens * self.per <= self.rate * self.per
    }

    fn take(&mut self, tokens: i128, at: i128) -> bool {
        let fits = self.fits(tokens, at);
        if fits {
            *self.counts.entry(at / self.per).or_default() += tokens;
        }
        fits
    }
}

proptest! {
    #[test]
    fn answers_as_the_oracle_does(
        rate in 1..50_u32,
        per in 1..4_000_u64,
        start in 0..u64::from(u32::MAX),
        steps in prop::collection::vec((1..6_u32, 0..3_000_000_u64), 1..400),
    ) {
        let per = per * 1_000_000;
        let window = sliding(rate, per);
        let mut oracle = Oracle { rate: rate.into(), per: (per / MICRO).into(), counts: HashMap::new() };
        let mut now = start;
        for (tokens, gap) in steps {
            let tokens = tokens.min(rate);
            now += gap * per / 1_000_000;
            let at = i128::from(now / MICRO);
            let before = window.peek(tokens, now);
            let expected = oracle.take(tokens.into(), at);
            let take = window.take(tokens, now);
            prop_assert_eq!((take.allowed, before.allowed), (expected, expected));
            let room = (oracle.rate * oracle.per - oracle.used(at)).div_euclid(oracle.per);
            prop_assert_eq!(i128::from(take.remaining), room);
            if !expected {
                let then = i128::from((now + take.retry_after.0) / MICRO);
                prop_assert!(oracle.fits(tokens.into(), then), "a wait of {:?} is enough", take.retry_after);
                prop_assert!(!oracle.fits(tokens.into(), then - 1), "and not longer than needed");
            } else if take.remaining < rate {
                let more = i128::from(take.remaining) + 1;
                let then = i128::from((now + take.reset.0) / MICRO);
                prop_assert!(oracle.fits(more, then) && !oracle.fits(more, then - 1), "{:?}", take.reset);
            }
        }
    }
}

#[test]
fn never_lets_through_more_than_twice_the_rate_around_an_end() {
    let window = sliding(100, SECOND);
    let taken = |now: u64| (0..200).filter(|_| window.take(1, now).allowed).count();
    assert_eq!(taken(2 * SECOND - 1_000_000), 100);
    assert_eq!(taken(2 * SECOND), 0, "a fixed window would begin anew");
    assert_eq!(taken(2 * SECOND + SECOND / 2), 50);
    assert_eq!(taken(4 * SECOND), 100);
}

#[test]
fn takes_are_given_back_also_over_the_end_of_a_window() {
    let window = sliding(2, SECOND);
    let late = 3 * SECOND - 1;
    let take = window.take(2, late);
    assert!(take.allowed && !window.take(1, late).allowed);
    window.with(2, late, 0, |ask, at| ask.give_back(&take, at));
    let take = window.take(2, late);
    assert!(take.allowed);
    assert!(!window.take(1, late + 1).allowed);
    window.with(2, late + 1, 0, |ask, at| ask.give_back(&take, at));
    assert!(window.take(2, late + 1).allowed);
}

#[test]
fn a_lagging_clock_counts_with_the_others_and_a_jump_wins_nothing() {
    let window = sliding(4, SECOND);
    assert!(window.take(2, 10 * SECOND).allowed);
    assert!(window.take(2, 10 * SECOND - 1_000_000).allowed, "a millisecond behind");
    assert!(!window.take(1, 10 * SECOND - 1_000_000).allowed);
    assert!(!window.take(1, 10 * SECOND).allowed);
    assert!(!window.take(1, 5 * SECOND).allowed, "a clock that went back");
    assert!(window.take(4, 7 * SECOND).allowed, "owes nothing for longer than two windows");
    assert!(window.take(4, 900 * SECOND).allowed, "a clock that went on");
}

#[test]
fn threads_get_together_what_one_would() {
    let window = sliding(10_000, SECOND);
    let given = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let own = (0..2_000).filter(|_| window.take(1, 5 * SECOND).allowed).count();
                given.fetch_add(own, Relaxed);
            });
        }
    });
    assert_eq!(given.into_inner(), 10_000);
}

#[test]
fn what_cannot_be_counted_exactly_is_refused() {
    for (rate, per, fits) in [
        (1_000_000, 31 * 86_400 * SECOND, true),
        (1_000_001, SECOND, false),
        (0, SECOND, false),
        (1, 1_000_000, true),
        (1, 999_999, false),
        (1, 32 * 86_400 * SECOND, false),
    ] {
        assert_eq!(Sliding::new(rate, Nanos(per)).is_some(), fits, "{rate} in {per}");
    }
    let longest = sliding(1_000_000, 31 * 86_400 * SECOND);
    assert_eq!(longest.take(1_000_000, 40 * 86_400 * SECOND).remaining, 0);
    assert!(!longest.take(1, 62 * 86_400 * SECOND).allowed);
}
