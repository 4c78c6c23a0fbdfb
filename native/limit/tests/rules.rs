//! Rules of different algorithms together: all or nothing, costs, debts, and bounds under a flood of keys.

use std::sync::Arc;
use std::thread;

use super::{SECOND, Single, quota};
use crate::limit::{
    Ask, At, Buckets, Counters, Fixed, Key, KeyHasher, Rule, Sliding, Span, Spend, Take, take_all,
};
use crate::time::{Nanos, UnixSeconds};

struct World {
    buckets: Buckets,
    counters: Arc<Counters>,
}

impl World {
    fn new(max: usize) -> World {
        World { buckets: Buckets::new(max), counters: Arc::new(Counters::new(max)) }
    }

    fn at(&self, now: u64) -> At<'_> {
        let (now, unix) = (Nanos(now), UnixSeconds(1_800_000_000 + now / SECOND));
        At { buckets: &self.buckets, counters: &self.counters, now, unix }
    }
}

fn ask(key: u64, rule: &Rule) -> Ask<'_> {
    Ask { key: Key(key), rule, spend: Spend::Tokens(1), shadow: false }
}

#[test]
fn one_that_refuses_takes_nothing_from_any_other_algorithm() {
    let world = World::new(64);
    let rules: [Rule; 5] = [
        quota(1, 1000 * SECOND, 100).into(),
        Sliding::new(100, Nanos(1000 * SECOND)).expect("valid").into(),
        Fixed::new(100, Span::Month).expect("valid").into(),
        Rule::Flights(100),
        quota(1, 1000 * SECOND, 1).into(),
    ];
    let at = world.at(5 * SECOND);
    let asks: Vec<_> = rules.iter().zip(0..).map(|(rule, key)| ask(key, rule)).collect();
    let mut out = [Take::default(); 5];
    assert!(take_all(&asks, &at, &mut out));
    let held = asks[3].hold(&out[3], &at);
    for _ in 0..50 {
        assert!(!take_all(&asks, &at, &mut out));
        assert_eq!(out.map(|take| take.allowed), [true, true, true, true, false]);
        assert_eq!(out.map(|take| take.remaining), [99, 99, 99, 99, 0]);
    }
    drop(held);
    assert_eq!(asks[3].peek(&at).remaining, 100);
}

#[test]
fn a_refusal_in_shadow_stops_nobody_and_what_it_took_is_given_back() {
    let world = World::new(64);
    let (one, ten) = (Rule::from(quota(1, 1000 * SECOND, 1)), Rule::from(quota(1, 1000 * SECOND, 3)));
    let asks = [Ask { shadow: true, ..ask(1, &one) }, ask(2, &ten)];
    let mut out = [Take::default(); 2];
    let at = world.at(SECOND);
    assert!(take_all(&asks, &at, &mut out) && out[0].allowed);
    for _ in 0..2 {
        assert!(take_all(&asks, &at, &mut out));
        assert_eq!(out.map(|take| take.allowed), [false, true]);
    }
    assert!(!take_all(&asks, &at, &mut out));
    let asks = [Ask { shadow: true, ..ask(3, &one) }, ask(2, &ten)];
    assert!(!take_all(&asks, &at, &mut out), "the shadow before it took one");
    assert!(asks[0].take(&at).allowed, "and gave it back");
}

#[test]
fn a_request_may_cost_more_than_one() {
    let rules: [(Rule, &str); 3] = [
        (quota(1, SECOND, 10).into(), "bucket"),
        (Sliding::new(10, Nanos(10 * SECOND)).expect("valid").into(), "sliding"),
        (Fixed::new(10, Span::Seconds(10)).expect("valid").into(), "fixed"),
    ];
    for (rule, what) in rules {
        let single = Single::new(rule);
        let now = 100 * SECOND;
        assert_eq!(single.take(7, now).remaining, 3, "{what}");
        let refused = single.take(4, now);
        assert!(!refused.allowed && refused.remaining == 3, "{what}: {refused:?}");
        assert!(single.take(3, now).allowed, "{what}");
        let refused = single.take(2, now);
        assert!(!single.take(2, now + refused.retry_after.0 - 1).allowed, "{what}");
        assert!(single.take(2, now + refused.retry_after.0).allowed, "{what}");
    }
}

#[test]
fn what_is_charged_later_must_be_paid_before_the_next() {
    let single = Single::new(quota(1000, SECOND, 1000).in_debt());
    let later =
        |now: u64| single.with(1, now, 0, |ask, at| Ask { spend: Spend::Later, ..*ask }.take(at).allowed);
    let charge = |bytes, now| single.with(1, now, 0, |ask, at| ask.charge(bytes, at));
    assert!(later(SECOND));
    assert!(later(SECOND), "looking takes nothing");
    charge(5_000, SECOND);
    assert!(!later(SECOND) && !later(5 * SECOND));
    assert!(later(5 * SECOND + SECOND / 1000), "4,000 beyond an empty bucket, and one byte");
    charge(u64::MAX, 10 * SECOND);
    assert!(!later(3600 * SECOND));
    assert!(later((10 + 3600 + 1) * SECOND + SECOND / 1000), "no debt is longer than an hour");
}

#[test]
fn parts_of_keys_are_framed() {
    let hasher = KeyHasher::new();
    let limit = hasher.limit("l");
    let key = |parts: &[&[u8]]| {
        let mut key = hasher.parts(limit);
        for part in parts {
            key.value(part);
        }
        key.key()
    };
    let keys = [
        key(&[b"a", b"bc"]),
        key(&[b"ab", b"c"]),
        key(&[b"abc", b""]),
        key(&[b"", b"abc"]),
        key(&[b"abc"]),
        key(&[b"bc", b"a"]),
        hasher.value(limit, b"abc"),
    ];
    for (index, one) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(one), "key {index}");
    }
    assert_eq!(key(&[b"a", b"bc"]), keys[0]);
    let (mut client, mut value) = (hasher.parts(limit), hasher.parts(limit));
    client.client([97, 98, 99, 100].into());
    value.value(b"abcd");
    assert_ne!(client.key(), value.key(), "an address is no value of a header");
}

#[test]
fn a_million_keys_of_windows_take_less_than_100_bytes_each() {
    let world = World::new(1_000_000);
    let rule = Rule::from(Sliding::new(10, Nanos(3600 * SECOND)).expect("valid"));
    let key = |index: u64| Key(index.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29));
    let at = world.at(SECOND);
    for index in 0..1_000_000 {
        assert!(Ask { key: key(index), ..ask(0, &rule) }.take(&at).allowed);
    }
    assert_eq!((world.counters.len(), world.counters.overflowed()), (1_000_000, 0));
    let bytes = world.counters.bytes() / 1_000_000;
    assert!(bytes <= 100, "{bytes} bytes a key");
}

#[test]
fn a_flood_of_ten_million_keys_stays_bounded() {
    let world = World::new(10_000);
    let rules = [
        Rule::from(quota(1, 3600 * SECOND, 1)),
        Sliding::new(1, Nanos(3600 * SECOND)).expect("valid").into(),
        Fixed::new(1, Span::Month).expect("valid").into(),
    ];
    let victim = Ask { key: Key(7), ..ask(0, &rules[1]) };
    assert!(victim.take(&world.at(SECOND)).allowed);
    let flood = |from: u64| {
        let at = world.at(2 * SECOND);
        let key = |index: u64| Key(index.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29));
        let asks = (from..from + 5_000_000).map(|i| Ask { key: key(i), ..ask(0, &rules[i as usize % 3]) });
        asks.filter(|ask| ask.take(&at).allowed).count()
    };
    let given: usize = thread::scope(|scope| {
        let halves = [0, 5_000_000].map(|from| scope.spawn(move || flood(from)));
        halves.into_iter().map(|half| half.join().expect("no panic")).sum()
    });
    assert!(world.buckets.len() <= 10_700 && world.counters.len() <= 10_700);
    assert!(world.counters.bytes() + world.buckets.bytes() < 3_000_000);
    assert!(given < 22_000, "{given}: keys without a place share one");
    assert!(!victim.take(&world.at(2 * SECOND)).allowed, "nobody's debt is forgotten to make room");
}
