//! The fixed window: hours, days and months of UTC, what is left of them, and wall clocks that jump.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use proptest::prelude::*;

use super::{SECOND, Single};
use crate::limit::{Fixed, Span};
use crate::time::Nanos;

const DAY: u64 = 86_400;

fn fixed(rate: u32, span: Span) -> Single {
    Single::new(Fixed::new(rate, span).expect("a valid window"))
}

/// Takes at a wall clock, the other one going along.
fn take_at(window: &Single, tokens: u32, unix: u64) -> crate::limit::Take {
    window.with(tokens, (unix % 1_000_000_000) * SECOND, unix, |ask, at| ask.take(at))
}

#[test]
fn windows_end_with_the_hour_the_day_and_the_month() {
    for (span, at, end) in [
        (Span::Seconds(3600), 1_798_761_599, 1_798_761_600),
        (Span::Seconds(3600), 1_798_761_600, 1_798_765_200),
        (Span::Seconds(86_400), 0, DAY),
        (Span::Month, 0, 31 * DAY),
        // 2027-12-31T23:59:59Z and the second after it.
        (Span::Month, 1_830_297_599, 1_830_297_600),
        (Span::Month, 1_830_297_600, 1_832_976_000),
        // 2028 is a leap year, 2100 is none, 2000 was.
        (Span::Month, 1_832_976_000, 1_835_481_600),
        (Span::Month, 951_782_399, 951_868_800),
        (Span::Month, 4_107_456_000, 4_107_542_400),
    ] {
        assert_eq!(span.end(at), end, "{span:?} at {at}");
    }
}

proptest! {
    #[test]
    fn a_month_ends_on_a_first_and_lasts_28_to_31_days(at in 0..4_294_967_296_u64) {
        let end = Span::Month.end(at);
        prop_assert!(end > at && end - at <= 31 * DAY && end.is_multiple_of(DAY));
        let next = Span::Month.end(end);
        prop_assert!((28..=31).contains(&((next - end) / DAY)));
        prop_assert_eq!(Span::Month.end(end - 1), end);
        prop_assert_eq!(Span::Month.end(next - 1), next);
    }

    #[test]
    fn counts_as_a_map_does(
        rate in 1..30_u32,
        span in 1..100_u32,
        steps in prop::collection::vec((1..5_u32, 0..40_u64), 1..300),
    ) {
        let window = fixed(rate, Span::Seconds(span));
        let mut counts: HashMap<u64, u32> = HashMap::new();
        let mut unix = 1_800_000_000;
        for (tokens, gap) in steps {
            unix += gap;
            let count = counts.entry(unix / u64::from(span)).or_default();
            let expected = *count + tokens <= rate;
            if expected {
                *count += tokens;
            }
            let take = take_at(&window, tokens, unix);
            prop_assert_eq!((take.allowed, take.remaining), (expected, rate - *count));
            prop_assert_eq!(take.reset, Nanos::from_secs(Span::Seconds(span).end(unix) - unix));
        }
    }
}

#[test]
fn a_wall_clock_that_jumps_wins_nothing_within_a_window() {
    let (window, noon) = (fixed(2, Span::Seconds(3600)), 1_800_000_000 / 3600 * 3600 + 1800);
    assert!(take_at(&window, 2, noon).allowed);
    assert!(!take_at(&window, 1, noon - 3600).allowed, "an hour back: the count goes along");
    assert!(!take_at(&window, 1, noon - 7 * 3600).allowed, "seven hours back");
    assert!(take_at(&window, 2, noon - 6 * 3600).allowed, "the next window");
    assert!(take_at(&window, 2, noon + 24 * 3600).allowed, "a day on is a new window");
}

#[test]
fn charges_may_go_beyond_the_rate_and_end_with_the_window() {
    let (window, noon) = (fixed(1000, Span::Seconds(3600)), 1_800_000_000);
    for _ in 0..3 {
        window.with(1, SECOND, noon, |ask, at| ask.charge(u64::MAX, at));
    }
    assert!(!take_at(&window, 1, noon).allowed);
    assert!(take_at(&window, 1000, noon + 3600).allowed);
}

#[test]
fn threads_get_together_what_one_would() {
    let window = fixed(10_000, Span::Month);
    let given = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let own = (0..2_000).filter(|_| take_at(&window, 1, 1_800_000_000).allowed).count();
                given.fetch_add(own, Relaxed);
            });
        }
    });
    assert_eq!(given.into_inner(), 10_000);
}
