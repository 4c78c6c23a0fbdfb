//! Exchanges in flight: never more than allowed, each given back exactly once, and no key kept that has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use super::{SECOND, Single};
use crate::limit::{Ask, At, Buckets, Counters, Hold, Key, Rule, Spend};
use crate::time::{Nanos, UnixSeconds};

/// Takes a place and holds it, if there is one.
fn enter(single: &Single) -> Option<Hold> {
    single.with(1, SECOND, 0, |ask, at| {
        let take = ask.take(at);
        take.allowed.then(|| ask.hold(&take, at)).flatten()
    })
}

#[test]
fn places_come_back_when_the_hold_is_dropped() {
    let single = Single::new(Rule::Flights(2));
    let (first, second) = (enter(&single), enter(&single));
    assert!(first.is_some() && second.is_some() && enter(&single).is_none());
    assert_eq!(single.take(1, SECOND).retry_after, Nanos::from_secs(1));
    assert_eq!(single.peek(1, SECOND).remaining, 0);
    drop(first);
    assert_eq!(single.peek(1, SECOND).remaining, 1);
    drop((second, enter(&single)));
    assert_eq!(single.peek(1, SECOND).remaining, 2);
}

#[test]
fn threads_never_have_more_in_flight_than_allowed() {
    const MAX: u32 = 5;
    let single = Single::new(Rule::Flights(MAX));
    let (now, most, given) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..16_usize {
            let (single, now, most, given) = (&single, &now, &most, &given);
            scope.spawn(move || {
                for turn in 0..2_000 {
                    let Some(hold) = enter(single) else { continue };
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    given.fetch_add(1, SeqCst);
                    if (turn + thread) % 7 == 0 {
                        thread::yield_now();
                    }
                    now.fetch_sub(1, SeqCst);
                    drop(hold);
                }
            });
        }
    });
    assert!(most.into_inner() <= MAX as usize);
    assert!(given.into_inner() >= MAX as usize);
    assert_eq!(single.peek(1, SECOND).remaining, MAX, "all were given back, once");
}

#[test]
fn keys_without_exchanges_make_room_and_a_full_table_shares() {
    let (buckets, counters, rule) = (Buckets::new(1), Arc::new(Counters::new(4)), Rule::Flights(1));
    let at = At { buckets: &buckets, counters: &counters, now: Nanos(SECOND), unix: UnixSeconds(0) };
    let enter = |key| {
        let ask = Ask { key: Key(key), rule: &rule, spend: Spend::Tokens(1), shadow: false };
        let take = ask.take(&at);
        take.allowed.then(|| ask.hold(&take, &at)).flatten()
    };
    for key in 0..10_000 {
        assert!(enter(key).is_some());
    }
    assert!(counters.len() <= 4);
    let held: Vec<_> = (0..4).map(enter).collect();
    assert!(held.iter().all(Option::is_some));
    let shared = enter(100);
    assert!(shared.is_some() && enter(101).is_none(), "one place for all others together");
    drop(shared);
    assert!(enter(101).is_some());
    assert!(counters.overflowed() >= 3);
    drop(held);
}
