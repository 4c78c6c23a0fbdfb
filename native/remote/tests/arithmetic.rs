//! Lease sizes, pauses, the breaker, key names and shares.

use crate::remote::breaker::{Backoff, Breaker, FAILURES};
use crate::remote::lease::{largest, low_water, next_size, pause};
use crate::remote::script::{Granted, Rate};
use crate::remote::store::Name;
use crate::time::Nanos;
use std::sync::Arc;

#[test]
fn a_lease_follows_the_pace_at_which_it_is_spent() {
    // Size, spent, milliseconds, most; the next size.
    let cases = [
        (1, 1, 1000, 100, 1),
        (1, 1, 1, 100, 4),
        (4, 4, 10, 100, 16),
        (64, 48, 480, 1000, 100),
        (100, 75, 750, 1000, 100),
        (100, 75, 750, 60, 60),
        (100, 3, 3000, 1000, 50),
        (1, 0, 5000, 1000, 1),
        (u32::MAX, u32::MAX, 0, u32::MAX, u32::MAX),
    ];
    for (size, spent, ms, most, next) in cases {
        assert_eq!(next_size(size, spent, Nanos::from_millis(ms), most), next, "{size} {spent} {ms} {most}");
    }
}

#[test]
fn all_gateways_together_hold_at_most_half_of_a_burst_or_a_token_each() {
    for burst in [1, 2, 5, 100, 1001, 1_000_000_000] {
        for gateways in [0, 1, 2, 3, 10, 10_000] {
            let one = largest(&Rate::new(1, 1000, burst), gateways);
            assert!(one >= 1);
            assert!(one == 1 || u64::from(one) * u64::from(gateways) * 2 <= u64::from(burst));
        }
    }
}

#[test]
fn a_gateway_refuses_by_itself_until_half_a_lease_has_come_but_not_for_long() {
    let ms = Nanos::from_millis;
    // Tokens a second, size of the lease, milliseconds until a token; the pause.
    let cases =
        [(100, 1, 10, 10), (100, 20, 10, 100), (100, 1000, 10, 250), (100_000, 1, 1, 5), (1, 10, 900, 900)];
    for (rate, size, wait, expected) in cases {
        assert_eq!(pause(&Rate::new(rate, 1000, 1000), size, ms(wait)), ms(expected), "{rate} {size} {wait}");
    }
    assert_eq!((low_water(100), low_water(3)), (25, 0));
}

#[test]
fn three_failures_in_a_row_trip_and_pauses_grow_up_to_two_seconds() {
    let mut breaker = Breaker::default();
    let told: Vec<bool> = (0..FAILURES + 2).map(|_| breaker.failed()).collect();
    assert_eq!(told, [false, false, true, false, false]);
    breaker.succeeded();
    assert!(!breaker.failed() && !breaker.failed());
    breaker.succeeded();
    assert!(!breaker.failed() && !breaker.failed() && breaker.failed());

    let mut backoff = Backoff::default();
    let longest: Vec<u64> = (0..7).map(|_| backoff.next(0).0 / 1_000_000).collect();
    assert_eq!(longest, [100, 200, 400, 800, 1600, 2000, 2000]);
    for random in [0, 1, u64::MAX, 49_999_999, 1 << 40] {
        backoff.reset();
        let pause = backoff.next(random).0;
        assert!((50_000_001..=100_000_000).contains(&pause), "{pause}");
    }
}

#[test]
fn a_share_divides_rate_and_burst_and_is_never_nothing() {
    let rate = Rate::new(100, 1000, 50);
    let cases = [(0, 50, 1), (1, 50, 1), (2, 25, 1), (10, 5, 1), (1000, 1, 10)];
    for (gateways, burst, window) in cases {
        let share = rate.share(gateways).unwrap();
        assert_eq!((share.burst(), share.window_seconds()), (burst, window), "{gateways}");
    }
    assert_eq!(rate.time_of(5), Nanos::from_millis(50));
}

#[test]
fn only_three_sound_numbers_are_an_answer() {
    let granted = Granted::read([3, 7, 1500]).unwrap();
    assert_eq!((granted.tokens, granted.left, granted.wait), (3, 7, Nanos(1_500_000)));
    assert!(granted.take().allowed);
    let none = Granted::read([0, 0, 2_000_000]).unwrap().take();
    assert_eq!((none.allowed, none.retry_after), (false, Nanos::from_secs(2)));
    for wrong in [[-1, 0, 1], [0, -1, 1], [0, 0, -1], [1 << 40, 0, 1]] {
        assert_eq!(Granted::read(wrong), None);
    }
}

#[test]
fn names_hold_a_hash_and_tell_lists_apart() {
    let begins: Arc<str> = "ferrogate:limit:a:".into();
    let of = |parts: &[&[u8]]| Name::new(&begins, parts.iter().copied()).key();
    let key = of(&[b"value", b"secret"]);
    assert!(key.starts_with("ferrogate:limit:a:{") && key.ends_with('}') && key.len() == 19 + 33);
    assert!(!key.contains("secret"));
    assert_eq!(key, of(&[b"value", b"secret"]));
    let others: [&[&[u8]]; 4] =
        [&[b"values", b"ecret"], &[b"value", b"secret", b""], &[b"valuesecret"], &[b"client", b"secret"]];
    for other in others {
        assert_ne!(key, of(other));
    }
}
